// Four lists, each from the newest to the oldest, become one group an order.
//
// The lists are read side by side, always the one whose head is the newest. An order is older than everything that
// belongs to it, so when all the lists have passed it, its group is complete and goes. What is in memory is what waits
// for its order: payments whose order was placed long before, and what has none. That is little, and bounded.
//
// Invariants:
//   M1. A group is given once its order was passed by all lists by `slackMs`: clocks may differ by that much.
//   M2. What is left at the end is given as it is. So is what comes after its group has gone: whoever compares
//       must look again before believing it.
//   M3. At most `waitingMax` groups wait; beyond that the merge gives those that wait, as they are, and ends.

import type { NewestFirst } from "./newest-first.ts";
import type { OrderView, PaymentView, ProviderView } from "./reconciliation-view.ts";

export type Group = {
  /** The order's id; else, for what names no order, the provider's id of it. */
  readonly key: string;
  readonly orderId: string;
  order: OrderView | undefined;
  readonly payments: PaymentView[];
  readonly provider: ProviderView[];
  /** When the books first heard of it; undefined when that was not met. */
  bookedAtMs: number | undefined;
};

type Item =
  | { readonly is: "order"; readonly view: OrderView }
  | { readonly is: "payment"; readonly view: PaymentView }
  | { readonly is: "provider"; readonly view: ProviderView }
  | { readonly is: "booking"; readonly view: { readonly orderId: string; readonly occurredAtMs: number } };

export type Lists = {
  readonly orders: NewestFirst<OrderView>;
  readonly payments: NewestFirst<PaymentView>;
  readonly provider: NewestFirst<ProviderView>;
  readonly bookings: NewestFirst<{ readonly orderId: string; readonly occurredAtMs: number }>;
};

export async function* mergeByOrder(
  lists: Lists,
  is: {
    slackMs: number;
    waitingMax: number;
    onTaken: (what: Item["is"], timeMs: number) => void;
    onOverflow: () => void;
  },
): AsyncGenerator<Group> {
  const waiting = new Map<string, Group>();
  const passed: OrderView[] = [];
  for (;;) {
    const next = await newest(lists);
    while (passed[0] !== undefined && (next?.timeMs ?? -Infinity) < passed[0].createTimeMs - is.slackMs) {
      const { orderId } = passed.shift() as OrderView;
      const group = waiting.get(orderId);
      waiting.delete(orderId);
      if (group !== undefined) yield group;
    }
    if (next === undefined) break;
    next.take();
    is.onTaken(next.item.is, next.timeMs);
    put(waiting, next.item);
    if (next.item.is === "order") passed.push(next.item.view);
    if (waiting.size > is.waitingMax) {
      is.onOverflow();
      break;
    }
  }
  yield* waiting.values();
}

async function newest(lists: Lists): Promise<{ item: Item; timeMs: number; take: () => void } | undefined> {
  const [order, payment, provider, booking] = await Promise.all([
    lists.orders.head(),
    lists.payments.head(),
    lists.provider.head(),
    lists.bookings.head(),
  ]);
  const heads: { item: Item; timeMs: number; take: () => void }[] = [];
  const add = (item: Item, timeMs: number, list: { take(): void }) =>
    heads.push({ item, timeMs, take: () => list.take() });
  if (provider) add({ is: "provider", view: provider }, provider.createTimeMs, lists.provider);
  if (booking) add({ is: "booking", view: booking }, booking.occurredAtMs, lists.bookings);
  if (payment) add({ is: "payment", view: payment }, payment.createTimeMs, lists.payments);
  if (order) add({ is: "order", view: order }, order.createTimeMs, lists.orders);
  return heads.reduce<(typeof heads)[number] | undefined>(
    (first, each) => (first === undefined || each.timeMs > first.timeMs ? each : first),
    undefined,
  );
}

function put(waiting: Map<string, Group>, item: Item): void {
  const { orderId } = item.view;
  const key = orderId === "" && item.is === "provider" ? item.view.providerReference : orderId;
  const known = waiting.get(key);
  const group = known ?? {
    key,
    orderId,
    order: undefined,
    payments: [],
    provider: [],
    bookedAtMs: undefined,
  };
  if (known === undefined) waiting.set(key, group);
  if (item.is === "payment") absorb(waiting, group, item.view.providerReference);
  switch (item.is) {
    case "order":
      group.order = item.view;
      break;
    case "payment":
      group.payments.push(item.view);
      break;
    case "provider":
      group.provider.push(item.view);
      break;
    case "booking":
      group.bookedAtMs = item.view.occurredAtMs;
      break;
  }
}

/** What the provider listed without its order's id is found by its own. */
function absorb(waiting: Map<string, Group>, group: Group, providerReference: string): void {
  const alone = waiting.get(providerReference);
  if (alone === undefined || providerReference === "") return;
  group.provider.push(...alone.provider);
  waiting.delete(providerReference);
}
