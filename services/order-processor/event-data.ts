// The data of an event, read by the schema of its name. An event is input: what does not fit is refused, and never tried
// again.

import type { Event } from "@webstore/kit";
import type { z } from "zod";
import { refuse } from "./refusals.ts";

/** Every event here is about one order, whose id is the message's key. */
export function dataOf<T extends { readonly orderId: string }>(
  schema: z.ZodType<T>,
  event: Event,
  key: string,
): T {
  const read = schema.safeParse(event.data);
  if (!read.success || read.data.orderId !== key) throw refuse("event_invalid");
  return read.data;
}
