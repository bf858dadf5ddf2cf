// Follow-up of OrderCreated: tell the CRM. Its failure never fails an order; the event is retried, and
// then kept as a dead letter.

import { type Event, minorOf, type PortsOf } from "@webstore/kit";
import { z } from "zod";
import type { orders } from "./definition.ts";

const data = z.object({
  orderId: z.uuid(),
  customerId: z.uuid(),
  totalAmount: z.string(),
  currency: z.string(),
  status: z.string(),
  createdAt: z.iso.datetime(),
});

export async function orderCreated(
  event: Event,
  { crm }: Pick<PortsOf<typeof orders>, "crm">,
): Promise<void> {
  const { orderId, customerId, totalAmount, currency, status, createdAt } = data.parse(event.data);
  // Taken by another channel, which tells of it itself; it has no amount here yet.
  if (status === "new") return;
  await crm.recordActivity({
    customer_id: customerId,
    // The event's id: telling it twice is telling it once.
    activity_id: event.id,
    type: "order_placed",
    order_id: orderId,
    amount_minor: Number(minorOf(totalAmount, currency)),
    currency,
    occurred_at: createdAt,
  });
}
