// The one way in which a payment is changed, and the ones in which it is found.
//
// A rule makes the next payment of the present one, or gives it back unchanged. When somebody else has
// changed it meanwhile, the rule is asked again about what they left, so it must fit whatever it gets.

import { Outage } from "@webstore/kit";
import type { Parts } from "./parts.ts";
import type { Payment } from "./payment.ts";
import { eventsOf } from "./payment-event.ts";
import type { Which } from "./payment-store.ts";
import { findRefund } from "./refund.ts";
import { refusals } from "./refusals.ts";
import { isGivenUp, withResolution } from "./resolution.ts";
import { newsOf } from "./status-notification.ts";

const roundsMax = 10;

/** Changes the payment and gives it as it then is. */
export async function changePayment(
  parts: Parts,
  payment: Payment,
  rule: (current: Payment, nowMs: number) => Payment,
): Promise<Payment> {
  let current = payment;
  for (let round = 0; round < roundsMax; round += 1) {
    const nowMs = parts.nowMs();
    const ruled = rule(current, nowMs);
    if (ruled === current) return current;
    const after = withResolution(current, ruled, nowMs);
    const events = eventsOf(current, after);
    const notification = newsOf(current, after, parts.isAnswer);
    if (await parts.store.replace(current, after, { events, notification })) {
      if (events.length > 0) parts.wakeRelay();
      if (notification !== undefined) parts.wakeNotifier();
      count(parts, current, after);
      sayWhatIsLeft(parts, current, after);
      const changed = { ...after, version: current.version + 1 };
      parts.recent.keep(changed);
      return changed;
    }
    current = await findPayment(parts, { orderId: payment.orderId });
  }
  throw new Outage("payments", "too many changes of one payment at once");
}

function count(
  { processed }: Parts,
  { status: before }: Payment,
  { status, country, cardBrand }: Payment,
): void {
  if (status === before || (status !== "captured" && status !== "failed")) return;
  processed.add(1, { country, method: cardBrand || "card", status });
}

/** What from now on only a person sees to is said, whoever made the change. */
function sayWhatIsLeft({ log, resolutions }: Parts, before: Payment, after: Payment): void {
  const { orderId: order_id, paymentId: payment_id, status } = after;
  for (const refund of after.refunds) {
    if (refund.status !== "failed" || findRefund(before, refund.refundId)?.status === "failed") continue;
    resolutions.add(1, { outcome: "refund_failed" });
    const about = { order_id, payment_id, refund_id: refund.refundId };
    log.error(about, "a refund that was answered as asked for will not be given");
  }
  if (!isGivenUp(after) || isGivenUp(before)) return;
  resolutions.add(1, { outcome: "given_up" });
  const about = { order_id, payment_id, status };
  log.error(about, "a payment is not resolved, and nobody asks about it any more");
}

export async function findPayment({ store }: Pick<Parts, "store">, which: Which): Promise<Payment> {
  const found = await store.find(which);
  if (found === undefined || found === "marked") throw refusals.refuse("payment_not_found");
  return found;
}

/** Does something with a payment when it is its order's turn. */
export async function withPayment<T>(
  parts: Parts,
  which: Which,
  work: (payment: Payment) => Promise<T>,
): Promise<T> {
  const orderId = "orderId" in which ? which.orderId : (await findPayment(parts, which)).orderId;
  return parts.inTurn(orderId, async () => work(await findPayment(parts, { orderId })));
}
