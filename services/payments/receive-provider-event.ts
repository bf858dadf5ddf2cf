// Receive an event of the provider: see that it is the provider's, store it, and answer. What it is about is looked at
// afterwards, by apply-provider-events.ts, unless it is known here: the provider waits for the answer, and sends again
// what was not answered.

import type { Parts } from "./parts.ts";
import { isTaken } from "./payment.ts";
import { isOfInterest, type ProviderEvent, whenToAsk } from "./provider-event.ts";
import type { ProviderEventStore } from "./provider-event-store.ts";
import { type SignedEvent, verifiedEvent } from "./webhook-signature.ts";

export type EventParts = Parts & {
  readonly events: ProviderEventStore;
  readonly webhookSecrets: readonly string[];
};

export async function receiveProviderEvent(
  parts: EventParts,
  signed: SignedEvent,
): Promise<{ duplicate: boolean }> {
  const { events, received, log, nowMs } = parts;
  const event = verifiedEvent(signed, {
    secrets: parts.webhookSecrets,
    nowMs: nowMs(),
    onRefused: (fault) => {
      received.add(1, { outcome: `refused_${fault}` });
      log.warn({ fault }, "an event was refused: its signature is not the provider's");
    },
  });
  const status = !isOfInterest(event) ? "ignored" : isKnown(parts, event) ? "applied" : "waiting";
  const isNew = await events.add(event, status, nowMs());
  received.add(1, { outcome: isNew ? "stored" : "duplicate" });
  if (isNew && status === "applied") received.add(1, { outcome: status });
  if (isNew && status === "waiting") parts.wakeEvents();
  return { duplicate: !isNew };
}

/**
 * Mostly the provider's answer was here first, and this process has just taken down what the event says. Only of money
 * that was taken: it stays so, whatever others have made of the payment since.
 */
function isKnown({ recent, nowMs }: Parts, event: ProviderEvent): boolean {
  const payment = recent.find(event.paymentId);
  if (payment === undefined || !isTaken(payment)) return false;
  return (
    payment.providerReference === event.paymentReference && whenToAsk(event, payment, nowMs()) === "never"
  );
}
