// The consumers of the ledger: from the topics of orders and payments to the books.
//
// Order events that move no money are somebody else's, and a name that nobody knows becomes a dead letter by the
// order-processor, which answers for that topic. On the payments' topic everything moves money: what the books cannot
// name there must not pass silently.

import { startConsumer } from "@webstore/kit";
import { type BookEventParts, bookEvent } from "./book-event.ts";
import { bookableEvents } from "./booking.ts";
import { orderEvents, paymentEvents } from "./definition.ts";

type Consumer = Awaited<ReturnType<typeof startConsumer>>;
type ConsumerParts = Pick<Parameters<typeof startConsumer>[0], "bus" | "log" | "telemetry" | "nowMs">;

export async function startBooking(parts: BookEventParts & ConsumerParts): Promise<{
  ready(): boolean;
  stop(): Promise<void>;
}> {
  const { bus, log, telemetry, nowMs } = parts;
  const common = { bus, log, telemetry, nowMs };
  const processorsOf = (group: string, prefix: string) =>
    Object.fromEntries(
      bookableEvents
        .filter((name) => name.startsWith(prefix))
        .map((name) => [name, (event: Parameters<typeof bookEvent>[2]) => bookEvent(parts, group, event)]),
    );
  const consumers: Consumer[] = [
    await startConsumer({
      ...common,
      ...orderEvents,
      processors: processorsOf(orderEvents.group, "Order"),
      ignoreUnknown: true,
    }),
    await startConsumer({
      ...common,
      ...paymentEvents,
      processors: processorsOf(paymentEvents.group, "Payment"),
    }),
  ];
  return {
    ready: () => consumers.every((consumer) => consumer.ready()),
    stop: async () => {
      await Promise.all(consumers.map((consumer) => consumer.stop()));
    },
  };
}
