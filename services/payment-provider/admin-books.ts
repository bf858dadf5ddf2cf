// The admin API's look at the money: the sums over all payments, and each payment's standing, page by page.

import { z } from "zod";
import type { Provider } from "./provider.ts";
import type { Sums } from "./standings.ts";

const pageSizeMax = 1_000;

export const booksQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(pageSizeMax).default(pageSizeMax),
  starting_after: z
    .string()
    .regex(/^pi_[0-9a-z_-]{1,100}$/i)
    .optional(),
  order_id: z.string().min(1).max(500).optional(),
});

const nothing: Sums = {
  held: 0,
  captured: 0,
  refunded: 0,
  refunds_pending: 0,
  disputed: 0,
  disputed_lost: 0,
};

export function sumsOf(provider: Provider): object {
  const byStatus: Record<string, number> = {};
  const totals: Record<string, Sums> = {};
  let count = 0;
  for (const { currency, status, count: payments, ...sums } of provider.store.standings.sums()) {
    count += payments;
    byStatus[status] = (byStatus[status] ?? 0) + payments;
    const before = totals[currency] ?? nothing;
    totals[currency] = {
      held: before.held + sums.held,
      captured: before.captured + sums.captured,
      refunded: before.refunded + sums.refunded,
      refunds_pending: before.refunds_pending + sums.refunds_pending,
      disputed: before.disputed + sums.disputed,
      disputed_lost: before.disputed_lost + sums.disputed_lost,
    };
  }
  return { count, by_status: byStatus, totals };
}

export function pageOfPayments(provider: Provider, is: z.infer<typeof booksQuery>): object {
  const { limit, starting_after: startingAfter = "", order_id: orderId } = is;
  const found = provider.store.standings.list({ limit: limit + 1, startingAfter, orderId });
  return { payments: found.slice(0, limit), has_more: found.length > limit };
}
