// OrderCreated: process the order.

import type { Event } from "@webstore/kit";
import { z } from "zod";
import { dataOf } from "../event-data.ts";
import { type ProcessOrderPorts, processOrder } from "../process-order.ts";

const amount = z.string().max(32);

const data = z.object({
  orderId: z.guid(),
  customerId: z.guid(),
  totalAmount: amount,
  currency: z.string().max(3),
  // What came from another channel has no prices yet: its amounts are zeros that mean nothing.
  status: z.enum(["paid", "new"]),
  items: z
    .array(
      z.object({
        productId: z.guid(),
        quantity: z.int().min(1).max(99),
        unitPrice: amount,
        totalPrice: amount,
      }),
    )
    .max(100),
  amounts: z.object({ subtotal: amount, shipping: amount, discount: amount }).optional(),
});

export async function orderCreated(event: Event, key: string, ports: ProcessOrderPorts): Promise<void> {
  const { orderId, customerId, status, ...told } = dataOf(data, event, key);
  await processOrder({ orderId, customerId, told: status === "paid" ? told : undefined }, ports);
}
