// A provider in memory, for the fake and for tests of the use cases: it keeps its answers under their keys as the
// real one does, and loses them when it is told to.
//
// Cards are pretended by their tokens' names: one with `chargeDeclined` is declined, for what follows it; one with
// `authenticationRequired` requires an action; all others pay as long as there are funds.

import { Outage } from "@webstore/kit";
import { type Payment, providerKey } from "./payment.ts";
import type { Intent, Lookup, Outcome, Provider, RefundOutcome } from "./provider.ts";
import { refundKey } from "./refund.ts";

export type MemoryProvider = Provider & {
  /** What stands, over all payments: held and not taken; taken and not given back. */
  standing(): { heldMinor: bigint; takenMinor: bigint };
  /** The next `times` calls that change something have their effect, and no answer. */
  loseAnswers(times: number): void;
  /** While it is unreachable, nothing gets to it. */
  setReachable(reachable: boolean): void;
  /** As after a day: a key that comes again is a new one. */
  forgetKeys(): void;
  /** How many payments were ever authorized. */
  authorizations(): number;
};

type Money = { intent: Intent; paymentId: string; amountMinor: bigint; refunds: Map<string, bigint> };
export function memoryProvider(is: { fundsMinor?: bigint } = {}): MemoryProvider {
  const money = new Map<string, Money>();
  const { once, checkReachable, ...line } = openLine();

  const standing = () => {
    let [heldMinor, takenMinor] = [0n, 0n];
    for (const { intent, amountMinor, refunds } of money.values()) {
      if (intent.state === "held") heldMinor += amountMinor;
      takenMinor += intent.takenMinor;
      for (const refundMinor of refunds.values()) takenMinor -= refundMinor;
    }
    return { heldMinor, takenMinor };
  };
  const moneyOf = ({ providerReference }: Payment): Money => {
    const found = money.get(providerReference);
    if (found === undefined) throw new Error("the provider was asked for what it does not have");
    return found;
  };
  const moveTo = (of: Money, changes: Partial<Intent>): Outcome => {
    of.intent = { ...of.intent, ...changes, clientSecret: "" };
    return { is: "done", intent: of.intent };
  };

  return {
    async authorize(payment, token) {
      const { heldMinor, takenMinor } = standing();
      const isPoor =
        is.fundsMinor !== undefined && heldMinor + takenMinor + payment.amountMinor > is.fundsMinor;
      return once(providerKey(payment, "authorize"), `authorize ${token}`, (): Outcome => {
        const { paymentId, amountMinor } = payment;
        // Were a payment ever authorized twice, both would stand.
        const intent = intentBy(token, isPoor, `${paymentId}_${money.size + 1}`);
        money.set(intent.reference, { intent, paymentId, amountMinor, refunds: new Map() });
        return { is: "done", intent };
      });
    },
    async capture(payment) {
      return once(providerKey(payment, "capture"), "capture", (): Outcome => {
        const of = moneyOf(payment);
        if (of.intent.state !== "held") return { is: "refused", code: "payment_intent_unexpected_state" };
        const receiptUrl = `https://provider.invalid/receipts/${payment.paymentId}`;
        return moveTo(of, { state: "taken", takenMinor: of.amountMinor, receiptUrl });
      });
    },
    async cancel(payment) {
      return once(providerKey(payment, "void"), "cancel", (): Outcome => {
        const of = moneyOf(payment);
        const isOver = of.intent.state === "taken" || of.intent.state === "released";
        if (isOver) return { is: "refused", code: "payment_intent_unexpected_state" };
        return moveTo(of, { state: "released" });
      });
    },
    async refund(payment, refund) {
      return once(refundKey(payment, refund), "refund", (): RefundOutcome => {
        const { intent, refunds } = moneyOf(payment);
        let leftMinor = intent.takenMinor;
        for (const refundMinor of refunds.values()) leftMinor -= refundMinor;
        if (refund.amountMinor > leftMinor) return { is: "refused", code: "amount_too_large" };
        refunds.set(refund.refundId, refund.amountMinor);
        return { is: "done", reference: `re_${refund.refundId}` };
      });
    },
    async retrieve(payment) {
      checkReachable();
      return { is: "done", intent: moneyOf(payment).intent };
    },
    async find({ paymentId }): Promise<Lookup> {
      checkReachable();
      const found = [...money.values()].find((each) => each.paymentId === paymentId);
      return found === undefined ? { is: "nothing" } : { is: "done", intent: found.intent };
    },
    async findRefund(payment, { refundId }) {
      checkReachable();
      const isThere = moneyOf(payment).refunds.has(refundId);
      return isThere ? { is: "done", reference: `re_${refundId}` } : { is: "nothing" };
    },
    async closeAuthorization(payment) {
      const outcome = once(providerKey(payment, "authorize"), "close", () => ({ is: "closed" }) as const);
      return outcome.is === "obscure" ? "used" : outcome.is;
    },
    standing,
    ...line,
    authorizations: () => money.size,
  };
}

/** How calls get there and answers come back. */
function openLine() {
  const kept = new Map<string, { readonly what: string; readonly outcome: unknown }>();
  let toLose = 0;
  let isReachable = true;
  const checkReachable = () => {
    if (!isReachable) throw new Outage("payment-provider", "it cannot be reached", { notSent: true });
  };
  return {
    checkReachable,
    /** One call under its key, as Stripe keeps it. */
    once<T extends { is: string }>(key: string, what: string, work: () => T) {
      checkReachable();
      const before = kept.get(key);
      if (before !== undefined && before.what !== what) return { is: "obscure" } as const;
      const outcome = before === undefined ? work() : (before.outcome as T);
      kept.set(key, { what, outcome });
      if (toLose === 0) return outcome;
      toLose -= 1;
      return { is: "unanswered" } as const;
    },
    loseAnswers(times: number) {
      toLose = times;
    },
    setReachable(reachable: boolean) {
      isReachable = reachable;
    },
    forgetKeys() {
      kept.clear();
    },
  };
}

function intentBy(token: string, isPoor: boolean, name: string): Intent {
  const declineCode = declineOf(token) ?? (isPoor ? "insufficient_funds" : "");
  const requiresAction = token.includes("authenticationRequired");
  const state = declineCode !== "" ? "declined" : requiresAction ? "requires_action" : "held";
  return {
    reference: `pi_${name}`,
    state,
    takenMinor: 0n,
    receiptUrl: "",
    cardBrand: "visa",
    declineCode,
    clientSecret: state === "requires_action" ? `pi_${name}_secret` : "",
  };
}

/** `pm_card_chargeDeclinedLostCard` is declined for `lost_card`. */
function declineOf(token: string): string | undefined {
  const [, reason] = /chargeDeclined(\w*)$/.exec(token) ?? [];
  if (reason === undefined) return undefined;
  if (reason === "") return "generic_decline";
  return reason.replace(/(?!^)[A-Z]/g, "_$&").toLowerCase();
}
