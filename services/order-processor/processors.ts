// Which event is processed by what: a file of `processors/` for each, found by its name. `order-created.ts` exports
// `orderCreated` and gets the events `OrderCreated`. Adding an event is adding a file.

import { readdirSync } from "node:fs";
import type { Event } from "@webstore/kit";

/** Does what the event asks for; `key` is the message's, the order's id. It may be called again with the same event. */
export type EventProcessor<Ports> = (event: Event, key: string, ports: Ports) => Promise<void>;

/** Events of `order-events` that are for others. They are known, so they are no dead letters. */
export const eventsOfOthers = [
  "OrderProcessing",
  "OrderShipped",
  "OrderDelivered",
  "OrderCancelled",
  "OrderRefunded",
  "CartClearDue",
] as const;

/** The processors of a folder, by the name of their event. Throws when a file does not hold what its name promises. */
export async function processorsIn<Ports>(
  folder: URL,
): Promise<Readonly<Record<string, EventProcessor<Ports>>>> {
  const files = readdirSync(folder).filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"));
  const found = await Promise.all(
    files.sort().map(async (file) => {
      const words = file.slice(0, -".ts".length).split("-");
      const eventName = words.map(capitalized).join("");
      const functionName = `${words[0]}${words.slice(1).map(capitalized).join("")}`;
      const exported: Record<string, unknown> = await import(new URL(file, folder).href);
      const processor = exported[functionName];
      if (typeof processor !== "function") {
        throw new Error(`processors/${file} must export the function ${functionName}`);
      }
      return [eventName, processor as EventProcessor<Ports>] as const;
    }),
  );
  return Object.fromEntries(found);
}

const capitalized = (word: string) => `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`;
