// Note what an event asks to be told: one notification, in the commit that notes the event as consumed. The sender
// (sender.ts) says whether that commit is to be its claim, too.

import { consumeOnce, type Event, kitRefusals, type Log, type Write } from "@webstore/kit";
import { z } from "zod";
import { group } from "./definition.ts";
import { type Kind, readFacts } from "./facts.ts";
import { notificationIdOf } from "./notification.ts";
import type { NotificationStore } from "./notification-store.ts";
import type { Sender } from "./sender.ts";
import { subjectOf } from "./template.ts";

export type NoteParts = {
  readonly store: Pick<NotificationStore, "add">;
  /** All of these, or none. */
  readonly commit: (...all: Write[]) => Promise<unknown[][]>;
  readonly sender: Pick<Sender, "takeOn">;
  readonly nowMs: () => number;
  readonly log: Pick<Log, "warn">;
};

type Processor = (event: Event) => Promise<void>;

/** Events that are for others, or that another event tells the customer better (facts.ts), by their topic. */
export const ignored = {
  orders: ["OrderCancelRequested", "OrderRefunded", "CartClearDue"],
  payments: ["PaymentDone"],
} as const;

const created = z.object({ status: z.enum(["new", "paid"]) });

/** The processors of `order-events`, by the event's name. */
export function orderProcessors(parts: NoteParts): Readonly<Record<string, Processor>> {
  const paid = tell("order_paid", parts);
  return {
    async OrderCreated(event) {
      const read = created.safeParse(event.data);
      // An order that came in from elsewhere is "new": it is neither priced nor paid yet.
      if (!read.success || read.data.status === "paid") await paid(event);
    },
    OrderProcessing: tell("order_processing", parts),
    OrderShipped: tell("order_shipped", parts),
    OrderDelivered: tell("order_delivered", parts),
    OrderCancelled: tell("order_cancelled", parts),
  };
}

/** The processors of `payment-topic`. */
export function paymentProcessors(parts: NoteParts): Readonly<Record<string, Processor>> {
  return { PaymentRefunded: tell("payment_refunded", parts) };
}

function tell(kind: Kind, { store, commit, sender, nowMs, log }: NoteParts): Processor {
  return async (event) => {
    const read = readFacts(kind, event.data);
    if ("problems" in read) {
      log.warn(
        { event: event.name, event_id: event.id, problems: read.problems },
        "an event is not readable",
      );
      throw kitRefusals.refuse("invalid_request");
    }
    const { facts } = read;
    const { customerId, orderId } = facts;
    const notification = {
      notificationId: notificationIdOf(event.id, customerId),
      eventId: event.id,
      customerId,
      orderId,
      facts,
      subject: subjectOf(facts),
      createTimeMs: nowMs(),
    };
    await sender.takeOn(notification, async (leaseUntilMs) => {
      const rows = await commit(consumeOnce(group, event.id), store.add(notification, leaseUntilMs));
      return rows.at(-1)?.length === 1;
    });
  };
}
