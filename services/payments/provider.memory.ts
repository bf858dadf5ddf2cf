// A provider in memory, for the fake and for tests of the use cases: it keeps its answers under their keys as the
// real one does, and loses them when it is told to.
//
// Cards are pretended by their tokens' names: one with `chargeDeclined` is declined, for what follows it; one with
// `authenticationRequired` requires an action; all others pay as long as there are funds.

import { Outage } from "@webstore/kit";
import type { Dispute } from "./dispute.ts";
import { type Payment, providerKey } from "./payment.ts";
import type { Intent, ListedPayment, Lookup, Outcome, Provider, RefundOutcome } from "./provider.ts";
import { type ProviderRefund, type Refund, refundKey } from "./refund.ts";

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
} & Happenings;

/** What happens at the provider without our asking. `reference`: the provider's id of the payment. */
type Happenings = {
  /** The shopper answers the bank's question. */
  confirm(reference: string, outcome: "succeeded" | "failed"): void;
  /** The shopper's bank demands all of it back. */
  openDispute(reference: string): void;
  closeDispute(reference: string, outcome: "won" | "lost"): void;
  /** Somebody gives money back at the provider itself. */
  refundThere(reference: string, amountMinor: bigint): void;
  /** The next refunds are taken up, and stay pending. */
  holdRefunds(times: number): void;
  /** A refund that is pending, or that was given: it comes through, or comes back. */
  endRefund(refundId: string, state: "succeeded" | "failed"): void;
};

type Money = {
  intent: Intent;
  readonly payment: Pick<Payment, "paymentId" | "orderId" | "amountMinor" | "currency" | "createTimeMs">;
  refunds: readonly ProviderRefund[];
  disputes: readonly Dispute[];
};

export function memoryProvider(is: { fundsMinor?: bigint } = {}): MemoryProvider {
  const money = new Map<string, Money>();
  const { once, checkReachable, ...line } = openLine();

  const { giveBack, ...happenings } = openHappenings(money);

  const standing = () => {
    let [heldMinor, takenMinor] = [0n, 0n];
    for (const of of money.values()) {
      if (of.intent.state === "held") heldMinor += of.payment.amountMinor;
      takenMinor += of.intent.takenMinor - returnedMinor(of);
    }
    return { heldMinor, takenMinor };
  };

  return {
    async authorize(payment, token) {
      const { heldMinor, takenMinor } = standing();
      const isPoor =
        is.fundsMinor !== undefined && heldMinor + takenMinor + payment.amountMinor > is.fundsMinor;
      return once(providerKey(payment, "authorize"), `authorize ${token}`, (): Outcome => {
        // Were a payment ever authorized twice, both would stand.
        const intent = intentBy(token, isPoor, `${payment.paymentId.replaceAll("-", "")}_${money.size + 1}`);
        money.set(intent.reference, { intent, payment, refunds: [], disputes: [] });
        return { is: "done", intent };
      });
    },
    async capture(payment) {
      return once(providerKey(payment, "capture"), "capture", (): Outcome => {
        const of = moneyOf(money, payment.providerReference);
        if (of.intent.state !== "held") return { is: "refused", code: "payment_intent_unexpected_state" };
        const receiptUrl = `https://provider.invalid/receipts/${payment.paymentId}`;
        return moveTo(of, { state: "taken", takenMinor: of.payment.amountMinor, receiptUrl });
      });
    },
    async cancel(payment) {
      return once(providerKey(payment, "void"), "cancel", (): Outcome => {
        const of = moneyOf(money, payment.providerReference);
        const isOver = of.intent.state === "taken" || of.intent.state === "released";
        if (isOver) return { is: "refused", code: "payment_intent_unexpected_state" };
        return moveTo(of, { state: "released" });
      });
    },
    async refund(payment, refund) {
      return once(refundKey(payment, refund), "refund", () => giveBack(payment.providerReference, refund));
    },
    async closeAuthorization(payment) {
      const outcome = once(providerKey(payment, "authorize"), "close", () => ({ is: "closed" }) as const);
      return outcome.is === "obscure" ? "used" : outcome.is;
    },
    ...lookups(money, checkReachable),
    ...happenings,
    standing,
    ...line,
    authorizations: () => money.size,
  };
}

type Book = ReadonlyMap<string, Money>;

function moneyOf(money: Book, reference: string): Money {
  const found = money.get(reference);
  if (found === undefined) throw new Error("the provider was asked for what it does not have");
  return found;
}

function moveTo(of: Money, changes: Partial<Intent>): Outcome {
  of.intent = { ...of.intent, ...changes, clientSecret: "" };
  return { is: "done", intent: of.intent };
}

/** What went back, or is on its way back, by refunds and lost disputes. */
function returnedMinor({ intent, refunds, disputes }: Money): bigint {
  let sumMinor = 0n;
  for (const { state, amountMinor } of refunds) if (state !== "failed") sumMinor += amountMinor;
  for (const { state, amountMinor } of disputes) if (state === "lost") sumMinor += amountMinor;
  return sumMinor < intent.takenMinor ? sumMinor : intent.takenMinor;
}

function lookups(
  money: Book,
  checkReachable: () => void,
): Pick<Provider, "retrieve" | "find" | "returns" | "paymentIdOf" | "events" | "list"> {
  return {
    async retrieve({ providerReference }) {
      checkReachable();
      return { is: "done", intent: moneyOf(money, providerReference).intent };
    },
    async find({ paymentId }): Promise<Lookup> {
      checkReachable();
      const found = [...money.values()].find((each) => each.payment.paymentId === paymentId);
      return found === undefined ? { is: "nothing" } : { is: "done", intent: found.intent };
    },
    async returns({ providerReference }) {
      checkReachable();
      const { refunds, disputes } = moneyOf(money, providerReference);
      return { is: "done", refunds, disputes };
    },
    async paymentIdOf(reference) {
      checkReachable();
      const found = money.get(reference);
      return found === undefined ? { is: "nothing" } : { is: "done", paymentId: found.payment.paymentId };
    },
    // Nothing that happens in it makes an event.
    events: async () => ({ is: "done", events: [], next: undefined }),
    async list({ createdSinceMs = 0, createdBeforeMs = Number.MAX_SAFE_INTEGER, after, limit }) {
      checkReachable();
      const all = [...money.values()].map(listedPayment).toReversed();
      const start = after === undefined ? 0 : all.findIndex(({ reference }) => reference === after) + 1;
      if (after !== undefined && start === 0) return { is: "refused" };
      const left = all
        .slice(start)
        .filter(({ createTimeMs }) => createTimeMs >= createdSinceMs && createTimeMs < createdBeforeMs);
      return { is: "done", payments: left.slice(0, limit), hasMore: left.length > limit };
    },
  };
}

function listedPayment(of: Money): ListedPayment {
  const { intent, payment } = of;
  const statuses = { held: "requires_capture", taken: "succeeded", released: "canceled" } as const;
  const status = statuses[intent.state as keyof typeof statuses] ?? "requires_action";
  return {
    reference: intent.reference,
    orderId: payment.orderId,
    paymentId: payment.paymentId,
    status: intent.state === "declined" ? "requires_payment_method" : status,
    amountMinor: payment.amountMinor,
    currency: payment.currency,
    capturedMinor: intent.takenMinor,
    refundedMinor: returnedMinor(of),
    createTimeMs: payment.createTimeMs,
  };
}

function openHappenings(money: Book): Happenings & {
  giveBack(reference: string, refund: Refund): RefundOutcome;
} {
  let toHold = 0;
  let count = 0;
  const closeAll = (of: Money, state: Dispute["state"]) => {
    of.disputes = of.disputes.map((each) => (each.state === "open" ? { ...each, state } : each));
  };
  return {
    giveBack(reference, { refundId, attempt, amountMinor }) {
      const of = moneyOf(money, reference);
      if (of.disputes.some(({ state }) => state !== "won")) return { is: "refused", code: "charge_disputed" };
      if (amountMinor > of.intent.takenMinor - returnedMinor(of)) {
        return { is: "refused", code: "amount_too_large" };
      }
      const isHeld = toHold > 0;
      if (isHeld) toHold -= 1;
      const refund = { reference: `re_${refundId}_${attempt}`, refundId, attempt, amountMinor };
      of.refunds = [{ ...refund, state: isHeld ? "pending" : "succeeded" }, ...of.refunds];
      return { is: isHeld ? "pending" : "done", reference: refund.reference };
    },
    confirm(reference, outcome) {
      const of = moneyOf(money, reference);
      if (of.intent.state !== "requires_action") throw new Error("nobody asked the shopper anything");
      const declineCode = outcome === "failed" ? "payment_intent_authentication_failure" : "";
      moveTo(of, { state: outcome === "failed" ? "declined" : "held", declineCode });
    },
    openDispute(reference) {
      const of = moneyOf(money, reference);
      count += 1;
      const dispute = { reference: `dp_${count}`, amountMinor: of.intent.takenMinor, state: "open" } as const;
      of.disputes = [dispute, ...of.disputes];
    },
    closeDispute: (reference, outcome) => closeAll(moneyOf(money, reference), outcome),
    refundThere(reference, amountMinor) {
      const of = moneyOf(money, reference);
      count += 1;
      const ours = { refundId: "", attempt: 0 };
      of.refunds = [
        { reference: `re_there_${count}`, ...ours, amountMinor, state: "succeeded" },
        ...of.refunds,
      ];
    },
    holdRefunds(times) {
      toHold = times;
    },
    endRefund(refundId, state) {
      for (const of of money.values()) {
        // The newest of several attempts.
        const last = of.refunds.find((each) => each.refundId === refundId);
        of.refunds = of.refunds.map((each) => (each === last ? { ...each, state } : each));
      }
    },
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
