// Follow-up of CartClearDue: the cart could not be emptied while the order was placed. Emptying it is
// idempotent by the order, so it does not matter whether that had happened after all.

import type { Event, PortsOf } from "@webstore/kit";
import { z } from "zod";
import type { orders } from "./definition.ts";

const data = z.object({
  orderId: z.uuid(),
  customerId: z.uuid(),
  lines: z.array(z.object({ productId: z.uuid(), quantity: z.int().positive() })),
});

export async function cartClearDue(
  event: Event,
  { cart }: Pick<PortsOf<typeof orders>, "cart">,
): Promise<void> {
  await cart.clearOrderedLines(data.parse(event.data));
}
