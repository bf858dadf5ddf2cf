// Payments in memory, for the tests of other services: the same answers, and no provider.
// payments.contract.ts holds it and the service to the same promises.
//
// It differs from the service, on purpose, in three things: the kit's checks of `access` and of the fields'
// rules do not run; it publishes no events; and cards are pretended by their tokens' names: one with
// `chargeDeclined` is declined, one with `authenticationRequired` requires an action, all others pay
// as long as there are funds.

import { randomUUID } from "node:crypto";
import type { HandlersOf } from "@webstore/kit";
import type { Payment, PaymentServiceDefinition, PaymentStatus, Refund } from "@webstore/proto/payments/v1";
import { invalidRequest } from "./invalid-request.ts";
import { checkAmount } from "./payment-amount.ts";
import { refusals } from "./refusals.ts";

export type FakePayments = HandlersOf<typeof PaymentServiceDefinition> & {
  /** What stands at the provider, over all payments: held and not taken; taken and not given back. */
  standing(): { heldMinor: bigint; takenMinor: bigint };
  /** The next `times` calls that authorize, capture or refund have their effect, and no answer. */
  loseAnswers(times: number): void;
};

type Kept = { payment: Payment; refunds: Refund[]; lost: boolean; heldMinor: bigint };
type Which = { $case: "paymentId" | "orderId"; value: string } | undefined;

const pageSizeDefault = 20;
const holdsNothing: readonly PaymentStatus[] = [
  "PAYMENT_STATUS_VOIDED",
  "PAYMENT_STATUS_FAILED",
  "PAYMENT_STATUS_REFUNDED",
];
const taken: readonly PaymentStatus[] = [
  "PAYMENT_STATUS_CAPTURED",
  "PAYMENT_STATUS_PARTIALLY_REFUNDED",
  "PAYMENT_STATUS_REFUNDED",
  "PAYMENT_STATUS_DISPUTED",
];

/** `fundsMinor`: what all cards together can pay; without it there is no end to their funds. */
export function fakePayments(
  is: { fundsMinor?: bigint; nowMs?: () => number; newId?: () => string } = {},
): FakePayments {
  const { fundsMinor, nowMs = Date.now, newId = randomUUID as () => string } = is;
  const byOrder = new Map<string, Kept | "marked">();
  let toLose = 0;

  const all = () => [...byOrder.values()].filter((each) => each !== "marked");
  const find = (which: Which): Kept => {
    const found =
      which?.$case === "orderId"
        ? byOrder.get(which.value)
        : all().find(({ payment }) => payment.paymentId === which?.value);
    if (found === undefined || found === "marked") throw refusals.refuse("payment_not_found");
    return found;
  };
  const standing = () => {
    let [heldMinor, takenMinor] = [0n, 0n];
    for (const { payment, heldMinor: held } of all()) {
      heldMinor += held;
      takenMinor += payment.capturedMinor - payment.refundedMinor;
    }
    return { heldMinor, takenMinor };
  };
  const enter = ({ payment }: Kept, status: PaymentStatus) => {
    if (payment.status === status) return;
    const at = new Date(nowMs());
    Object.assign(payment, { status, updateTime: at, history: [...payment.history, { status, at }] });
  };
  /** Whether this call's answer is lost; the payment then is UNKNOWN until somebody asks again. */
  const loses = (kept: Kept): boolean => {
    if (toLose === 0) return false;
    toLose -= 1;
    kept.lost = true;
    enter(kept, "PAYMENT_STATUS_UNKNOWN");
    return true;
  };
  const truth = (kept: Kept): PaymentStatus => {
    const { capturedMinor, refundedMinor, status } = kept.payment;
    if (capturedMinor === 0n) return kept.heldMinor > 0n ? "PAYMENT_STATUS_AUTHORIZED" : status;
    if (refundedMinor === 0n) return "PAYMENT_STATUS_CAPTURED";
    return refundedMinor < capturedMinor ? "PAYMENT_STATUS_PARTIALLY_REFUNDED" : "PAYMENT_STATUS_REFUNDED";
  };
  const settle = (kept: Kept) => {
    if (!kept.lost) return;
    kept.lost = false;
    enter(kept, truth(kept));
  };
  const shown = ({ payment }: Kept): Payment => ({ ...payment, history: [...payment.history] });
  const decline = (kept: Kept, declineCode: string) => {
    kept.payment.declineCode = declineCode;
    enter(kept, "PAYMENT_STATUS_FAILED");
    return refusals.refuse("card_declined", { decline_code: declineCode });
  };

  return {
    async createPayment(request) {
      const { orderId, customerId, country, amount: asked, paymentMethodToken } = request;
      const amount = checkAmount(asked);
      const found = byOrder.get(orderId);
      if (found === "marked") throw refusals.refuse("payment_voided");
      if (found !== undefined) {
        const { payment } = found;
        settle(found);
        if (payment.status === "PAYMENT_STATUS_VOIDED") throw refusals.refuse("payment_voided");
        const same =
          payment.customerId === customerId &&
          payment.amount?.amountMinor === amount.amountMinor &&
          payment.amount.currency === amount.currency;
        if (!same) throw refusals.refuse("payment_conflict");
        if (payment.status === "PAYMENT_STATUS_FAILED") throw decline(found, payment.declineCode);
        return { payment: shown(found) };
      }
      const kept: Kept = {
        payment: newPayment({
          paymentId: newId(),
          orderId,
          customerId,
          country,
          amount,
          at: new Date(nowMs()),
        }),
        refunds: [],
        lost: false,
        heldMinor: 0n,
      };
      byOrder.set(orderId, kept);
      const { heldMinor, takenMinor } = standing();
      const poor = fundsMinor !== undefined && heldMinor + takenMinor + amount.amountMinor > fundsMinor;
      if (poor) throw decline(kept, "insufficient_funds");
      const declined = declineOf(paymentMethodToken);
      if (declined !== undefined) throw decline(kept, declined);
      kept.payment.providerReference = `pi_${kept.payment.paymentId}`;
      kept.payment.cardBrand = "visa";
      if (paymentMethodToken.includes("authenticationRequired")) {
        kept.payment.clientSecret = `pi_secret_${kept.payment.paymentId}`;
        enter(kept, "PAYMENT_STATUS_REQUIRES_ACTION");
        return { payment: shown(kept) };
      }
      kept.heldMinor = amount.amountMinor;
      if (!loses(kept)) enter(kept, "PAYMENT_STATUS_AUTHORIZED");
      return { payment: shown(kept) };
    },

    async getPayment({ payment: which }) {
      const kept = find(which);
      return { payment: shown(kept), refunds: kept.refunds.map((refund) => ({ ...refund })) };
    },

    async capturePayment({ payment: which }) {
      const kept = find(which);
      settle(kept);
      if (taken.includes(kept.payment.status)) return { payment: shown(kept) };
      if (kept.payment.status !== "PAYMENT_STATUS_AUTHORIZED")
        throw refusals.refuse("payment_not_capturable");
      kept.payment.capturedMinor = kept.heldMinor;
      kept.heldMinor = 0n;
      kept.payment.receiptUrl = `https://provider.invalid/receipts/${kept.payment.paymentId}`;
      if (!loses(kept)) enter(kept, "PAYMENT_STATUS_CAPTURED");
      return { payment: shown(kept) };
    },

    async voidPayment({ payment: which }) {
      if (which?.$case === "orderId" && typeof byOrder.get(which.value) !== "object") {
        byOrder.set(which.value, "marked");
        return { payment: undefined };
      }
      const kept = find(which);
      settle(kept);
      if (holdsNothing.includes(kept.payment.status)) return { payment: shown(kept) };
      if (taken.includes(kept.payment.status)) throw refusals.refuse("payment_not_voidable");
      kept.heldMinor = 0n;
      kept.payment.clientSecret = "";
      enter(kept, "PAYMENT_STATUS_VOIDED");
      return { payment: shown(kept) };
    },

    async processRefund({ payment: which, amount: asked, refundId, reason }) {
      const kept = find(which);
      settle(kept);
      const { payment, refunds } = kept;
      const before = refunds.find((refund) => refund.refundId === refundId);
      if (before !== undefined) {
        before.settled = true;
        enter(kept, truth(kept));
        return { payment: shown(kept), refund: { ...before } };
      }
      const currency = payment.amount?.currency ?? "";
      const leftMinor = payment.capturedMinor - payment.refundedMinor;
      if (leftMinor === 0n || payment.status === "PAYMENT_STATUS_DISPUTED") {
        throw refusals.refuse("payment_not_refundable");
      }
      const amountMinor = asked === undefined ? leftMinor : asked.amountMinor;
      if (amountMinor === 0n) throw invalidRequest("amount", "must be more than 0");
      if (amountMinor > leftMinor || (asked !== undefined && asked.currency !== currency)) {
        throw refusals.refuse("refund_exceeds_captured");
      }
      const settled = toLose === 0;
      if (!settled) toLose -= 1;
      const refund: Refund = {
        refundId,
        amount: { amountMinor, currency },
        providerReference: settled ? `re_${refundId}` : "",
        reason,
        createTime: new Date(nowMs()),
        settled,
      };
      refunds.push(refund);
      payment.refundedMinor += amountMinor;
      if (settled) enter(kept, truth(kept));
      return { payment: shown(kept), refund: { ...refund } };
    },

    async listPayments({ status, orderId, pageSize, pageToken }) {
      const from = pageToken === "" ? 0 : Number(pageToken);
      if (!Number.isSafeInteger(from) || from < 1 !== (pageToken === "")) {
        throw invalidRequest("page_token", "is not one of ours");
      }
      const matching = all()
        .map(shown)
        .filter((payment) => status === "PAYMENT_STATUS_UNSPECIFIED" || payment.status === status)
        .filter((payment) => orderId === "" || payment.orderId === orderId)
        .reverse();
      const end = from + (pageSize || pageSizeDefault);
      return {
        payments: matching.slice(from, end).map((payment) => ({ ...payment, clientSecret: "" })),
        nextPageToken: end < matching.length ? String(end) : "",
      };
    },

    standing,
    loseAnswers(times) {
      toLose = times;
    },
  };
}

function declineOf(token: string): string | undefined {
  const [, reason] = /chargeDeclined(\w*)$/.exec(token) ?? [];
  if (reason === undefined) return undefined;
  if (reason === "") return "generic_decline";
  return reason.replace(/(?!^)[A-Z]/g, "_$&").toLowerCase();
}

function newPayment(is: {
  paymentId: string;
  orderId: string;
  customerId: string;
  country: string;
  amount: { amountMinor: bigint; currency: string };
  at: Date;
}): Payment {
  const { at, ...given } = is;
  const status = "PAYMENT_STATUS_CREATED";
  return {
    ...given,
    status,
    capturedMinor: 0n,
    refundedMinor: 0n,
    providerReference: "",
    clientSecret: "",
    receiptUrl: "",
    declineCode: "",
    cardBrand: "",
    history: [{ status, at }],
    createTime: at,
    updateTime: at,
  };
}
