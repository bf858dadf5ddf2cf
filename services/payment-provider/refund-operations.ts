// Gives captured money back: the whole of it, or a part, any number of times, never more than was
// taken.

import { ApiError, invalidRequest, noSuch, unexpectedState } from "./api-error.ts";
import { balanceTransaction, type Charge, type Refund, refundedCharge, refundReasons } from "./charge.ts";
import { emit } from "./event.ts";
import { checkExpand, withExpanded } from "./expansion.ts";
import {
  mergeMetadata,
  missing,
  only,
  readAmount,
  readChoice,
  readMetadata,
  readText,
} from "./parameters.ts";
import type { PaymentIntent } from "./payment-intent.ts";
import type { Operation, Store, Work } from "./provider.ts";

const createParams = new Set(["payment_intent", "charge", "amount", "reason", "metadata", "expand"]);

function intentIdOf(store: Store, chargeId: string): string {
  const charge = store.charges.find(chargeId);
  if (charge === undefined) throw noSuch("charge", chargeId, "charge", 404);
  return charge.payment_intent;
}

function takenCharge(work: Work, intentId: string): { intent: PaymentIntent; charge: Charge } {
  const intent = work.store.paymentIntents.find(intentId);
  if (intent === undefined) throw noSuch("payment_intent", intentId, "payment_intent", 404);
  const charge = work.store.charges.find(intent.latest_charge ?? "");
  if (charge?.captured) return { intent, charge };
  throw unexpectedState(
    intent,
    `This PaymentIntent (${intent.id}) does not have a successful charge to refund.`,
  );
}

function checkRefundable(charge: Charge, amount: number): void {
  const left = charge.amount_captured - charge.amount_refunded;
  if (charge.disputed) {
    throw invalidRequest(`Charge ${charge.id} has been charged back; cannot issue a refund.`, {
      code: "charge_disputed",
    });
  }
  if (left === 0) {
    throw invalidRequest(`Charge ${charge.id} has already been refunded.`, {
      code: "charge_already_refunded",
    });
  }
  if (amount > left) {
    throw invalidRequest(`Refund amount (${amount}) is greater than unrefunded amount on charge (${left})`, {
      param: "amount",
      code: "amount_too_large",
    });
  }
}

export const createRefund: Operation = {
  scenarioName: "refund",
  forShoppers: false,
  parse(params) {
    only(params, createParams);
    const sentIntentId = readText(params, "payment_intent", 255);
    const chargeId = readText(params, "charge", 255);
    if (sentIntentId === undefined && chargeId === undefined) throw missing("payment_intent");
    const sentAmount = readAmount(params, "amount");
    const reason = readChoice(params, "reason", refundReasons) ?? null;
    const metadata = mergeMetadata({}, readMetadata(params));
    const expand = checkExpand(params);
    return {
      about: sentIntentId ?? chargeId,
      attempts: true,
      execute(work) {
        const { store, nowSeconds: now } = work;
        const { ids } = work.provider;
        const { intent, charge } = takenCharge(work, sentIntentId ?? intentIdOf(store, chargeId ?? ""));
        if (chargeId !== undefined && chargeId !== charge.id) throw noSuch("charge", chargeId, "charge", 404);
        const amount = sentAmount ?? charge.amount_captured - charge.amount_refunded;
        checkRefundable(charge, amount);
        if (work.forced === "decline") {
          const message = "Insufficient funds in your account to refund this charge.";
          throw new ApiError(400, { type: "invalid_request_error", code: "balance_insufficient", message });
        }
        const id = ids.next("re", now);
        const { currency } = charge;
        const line = balanceTransaction({
          id: ids.next("txn", now),
          type: "refund",
          source: id,
          amount,
          currency,
          now,
        });
        const refund: Refund = {
          id,
          object: "refund",
          amount,
          balance_transaction: line.id,
          charge: charge.id,
          created: now,
          currency,
          metadata,
          payment_intent: intent.id,
          payment_method: charge.payment_method,
          reason,
          status: "succeeded",
        };
        const after = refundedCharge(charge, amount);
        store.balanceTransactions.insert(line, id);
        store.refunds.insert(refund, charge.id);
        store.charges.update(after);
        emit(work, "charge.refunded", after, intent);
        return withExpanded(store, refund, expand);
      },
    };
  },
};
