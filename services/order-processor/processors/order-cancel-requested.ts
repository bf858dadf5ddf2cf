// OrderCancelRequested: carry out the cancellation.

import type { Event } from "@webstore/kit";
import { z } from "zod";
import { type CancelOrderPorts, cancelOrder } from "../cancel-order.ts";
import { dataOf } from "../event-data.ts";

const data = z.object({ orderId: z.guid() });

export async function orderCancelRequested(
  event: Event,
  key: string,
  ports: CancelOrderPorts,
): Promise<void> {
  await cancelOrder(dataOf(data, event, key), ports);
}
