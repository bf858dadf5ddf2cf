// Applies the provider's events: looks how the payment stands now, and takes that down.
//
// An event whose payment cannot be found is not ours, once the provider itself has said so a few times: other stores may
// share the account. What it does not answer is not counted. One that cannot be applied for three days is given up, and said so.

import { describeError, Outage, type Telemetry } from "@webstore/kit";
import { findPayment } from "./change-payment.ts";
import { observePayment } from "./observe-payment.ts";
import type { Parts } from "./parts.ts";
import type { Payment } from "./payment.ts";
import { isAboutReturns, whenToAsk } from "./provider-event.ts";
import type { ClaimedEvent, EventEnd, ProviderEventStore } from "./provider-event-store.ts";
import { pauseMs } from "./retry-schedule.ts";
import { inTraces } from "./worker.ts";

const leaseMs = 60_000;
const claimMax = 100;
const atOnce = 4;
const laterMs = 5_000;
const missesMax = 5;
/** With the pauses of retry-schedule.ts: about three days. */
const attemptsMax = 75;
const keptMs = 90 * 24 * 3_600_000;
const pruneMax = 1_000;

export type ApplyParts = Parts & {
  readonly events: ProviderEventStore;
  readonly telemetry: Pick<Telemetry, "span">;
};

type Applied = EventEnd | "later" | "unfound";

/** One round; whether there may be more to do. */
export async function applyProviderEvents(parts: ApplyParts): Promise<boolean> {
  const ours: ApplyParts = { ...parts, isAnswer: false };
  const claimed = await ours.events.claim({ nowMs: ours.nowMs(), leaseMs, limit: claimMax });
  const ended: Record<EventEnd, string[]> = { applied: [], ignored: [], given_up: [] };
  await inTraces(
    byPayment(claimed),
    { name: "apply provider events", telemetry: ours.telemetry, atOnce },
    async (events) => {
      const seen = { returns: false };
      for (const event of events) {
        const end = await settleEvent(ours, event, seen);
        if (end !== undefined) ended[end].push(event.eventId);
      }
    },
  );
  for (const status of Object.keys(ended) as EventEnd[]) {
    await ours.events.end(ended[status], status);
    if (ended[status].length > 0) ours.received.add(ended[status].length, { outcome: status });
  }
  return claimed.length === claimMax;
}

/** Forgets old events; gives whether there may be more. */
export async function pruneProviderEvents({ events, nowMs }: Pick<ApplyParts, "events" | "nowMs">) {
  return (await events.prune(nowMs() - keptMs, pruneMax)) === pruneMax;
}

/** Events of one payment go one after another: the first that is looked at mostly answers the others. */
function byPayment(events: readonly ClaimedEvent[]): ClaimedEvent[][] {
  const groups = new Map<string, ClaimedEvent[]>();
  for (const event of events) {
    const group = groups.get(event.paymentReference);
    if (group === undefined) groups.set(event.paymentReference, [event]);
    else group.push(event);
  }
  return [...groups.values()];
}

/** What was seen of a payment since its events were claimed: it says what they say. */
type Seen = { returns: boolean };

/** How it ended; undefined: it waits on. */
async function settleEvent(
  parts: ApplyParts,
  event: ClaimedEvent,
  seen: Seen,
): Promise<EventEnd | undefined> {
  const { events, log, nowMs } = parts;
  const { eventId, attempts, misses } = event;
  const about = { event_id: eventId, type: event.type, reference: event.paymentReference, attempts };
  try {
    const applied = await apply(parts, event, seen);
    if (applied !== "later" && applied !== "unfound") return applied;
    const isMissed = applied === "unfound";
    if (isMissed && misses + 1 >= missesMax) return "ignored";
    const pause = isMissed ? pauseMs(attempts) : laterMs;
    await events.postpone(event, { dueAtMs: nowMs() + pause, isMissed });
    return undefined;
  } catch (error) {
    if (attempts >= attemptsMax) {
      log.error({ ...about, error: describeError(error) }, "an event of the provider was given up");
      return "given_up";
    }
    const say = error instanceof Outage ? "info" : "error";
    log[say]({ ...about, error: describeError(error) }, "an event could not be applied; trying again");
    await events.postpone(event, { dueAtMs: nowMs() + pauseMs(attempts), isMissed: false });
    return undefined;
  }
}

async function apply(parts: ApplyParts, event: ClaimedEvent, seen: Seen): Promise<Applied> {
  if (seen.returns && isAboutReturns(event.type)) return "applied";
  const payment = await paymentOf(parts, event);
  if (payment === "ignored" || payment === "unfound") return payment;
  const { orderId, paymentId, providerReference } = payment;
  if (providerReference !== "" && providerReference !== event.paymentReference) {
    const about = { event_id: event.eventId, payment_id: paymentId };
    parts.log.error(about, "the provider has a second payment under the name of one of ours");
    return "ignored";
  }
  // Mostly it is known already, and then nobody need wait for it.
  const known = whenToAsk(event, payment, parts.nowMs());
  if (known !== "now") return known === "later" ? "later" : "applied";
  return parts.inTurn(orderId, async () => {
    // It may have changed while others had their turn.
    const current = await findPayment(parts, { orderId });
    const when = whenToAsk(event, current, parts.nowMs());
    if (when !== "now") return when === "later" ? "later" : "applied";
    const located = { ...current, providerReference: event.paymentReference };
    const about = { isAboutReturns: isAboutReturns(event.type) };
    await observePayment(parts, located, about);
    seen.returns ||= about.isAboutReturns;
    return "applied";
  });
}

async function paymentOf(parts: ApplyParts, event: ClaimedEvent): Promise<Payment | "ignored" | "unfound"> {
  let { paymentId } = event;
  if (paymentId === "") {
    const found = await parts.provider.paymentIdOf(event.paymentReference);
    if (found.is === "unanswered") throw new Outage("payment-provider", "the provider has not answered");
    if (found.is === "nothing") return "unfound";
    paymentId = found.paymentId;
  }
  if (paymentId === "") return "ignored";
  // A payment is stored before the provider is asked for it: one that is not there is not ours.
  const payment = await parts.store.find({ paymentId });
  return payment === undefined || payment === "marked" ? "ignored" : payment;
}
