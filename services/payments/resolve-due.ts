// The resolver: asks the provider about payments that are due, on the schedule of resolution.ts.
//
// Invariants:
//   U1. A payment is claimed before it is asked about, and the claim counts the ask: a process that dies over a payment
//       does not ask for ever, and replicas do not ask twice.
//   U2. Whoever gives one up says so once, a log line and a count: change-payment.ts sees to it.

import { describeError, Outage, type Telemetry } from "@webstore/kit";
import { changePayment } from "./change-payment.ts";
import type { Parts } from "./parts.ts";
import type { Payment } from "./payment.ts";
import { afterAsk, afterNoAsk, isGivenUp, isUnresolved, type Resolution } from "./resolution.ts";
import { resolve, stillUnresolved } from "./resolve-payment.ts";
import { inTraces } from "./worker.ts";

const leaseMs = 60_000;
const claimMax = 20;
const atOnce = 4;

/** One round; whether there may be more to do. */
export async function resolveDue(parts: Parts, telemetry: Pick<Telemetry, "span">): Promise<boolean> {
  const ours: Parts = { ...parts, isAnswer: false };
  const due = await parts.store.claimDue({ nowMs: parts.nowMs(), leaseMs, limit: claimMax });
  await inTraces(due, { name: "resolve payment", telemetry, atOnce }, (payment) => ask(ours, payment));
  return due.length === claimMax;
}

async function ask(parts: Parts, claimed: Payment): Promise<void> {
  const { orderId } = claimed;
  try {
    await parts.inTurn(orderId, () => askInTurn(parts, claimed));
  } catch (error) {
    // The lease ends, and it is asked about again.
    parts.log.warn({ order_id: orderId, error: describeError(error) }, "a payment could not be resolved");
  }
}

async function askInTurn(parts: Parts, { orderId, resolution: claim }: Payment): Promise<void> {
  const before = await stillUnresolved(parts, orderId);
  if (before === undefined || claim === undefined) return;
  let isAsked = true;
  try {
    await resolve(parts, before);
  } catch (error) {
    isAsked = !(error instanceof Outage && error.notSent);
    const say = error instanceof Outage ? "info" : "error";
    parts.log[say]({ order_id: orderId, error: describeError(error) }, "asking about a payment failed");
  }
  const left = await stillUnresolved(parts, orderId);
  if (left === undefined) {
    parts.resolutions.add(1, { outcome: "resolved" });
    return;
  }
  const next = (current: Resolution, nowMs: number) =>
    isAsked ? afterAsk(current, nowMs) : afterNoAsk(current, nowMs);
  const after = await changePayment(parts, left, (current, nowMs) =>
    // A new doubt has a schedule of its own already.
    isUnresolved(current) && !isGivenUp(current) && isSame(current.resolution, claim)
      ? { ...current, resolution: next(claim, nowMs) }
      : current,
  );
  if (!isGivenUp(after)) parts.resolutions.add(1, { outcome: isAsked ? "unresolved" : "not_sent" });
}

const isSame = (resolution: Resolution | undefined, claim: Resolution): boolean =>
  resolution?.sinceMs === claim.sinceMs;
