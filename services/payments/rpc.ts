// The payments contract, method by method.

import { currentContext, type HandlersOf } from "@webstore/kit";
import type { PaymentServiceDefinition } from "@webstore/proto/payments/v1";
import { capturePayment } from "./capture-payment.ts";
import { createPayment } from "./create-payment.ts";
import { getPayment } from "./get-payment.ts";
import { listPayments } from "./list-payments.ts";
import { listProviderPayments } from "./list-provider-payments.ts";
import {
  paymentMessage,
  providerPaymentMessage,
  refundMessage,
  statusIn,
  whichIn,
} from "./payment-message.ts";
import { processRefund } from "./process-refund.ts";
import { type EventParts, receiveProviderEvent } from "./receive-provider-event.ts";
import type { Refund } from "./refund.ts";
import { resolvePayment } from "./resolve-payment.ts";
import { voidPayment } from "./void-payment.ts";

export function rpc(parts: EventParts): HandlersOf<typeof PaymentServiceDefinition> {
  return {
    createPayment: async (request) => {
      const { payment, clientSecret } = await createPayment(parts, request);
      return { payment: paymentMessage(payment, clientSecret) };
    },
    getPayment: async (request) => {
      const found = await getPayment(parts, currentContext().principal, whichIn(request));
      const gone: readonly Refund["status"][] = ["refused", "failed"];
      const refunds = found.payment.refunds.filter(({ status }) => !gone.includes(status));
      return {
        payment: paymentMessage(found.payment, found.clientSecret),
        refunds: refunds.map((refund) => refundMessage(refund, found.payment.currency)),
      };
    },
    capturePayment: async (request) => ({
      payment: paymentMessage(await capturePayment(parts, whichIn(request))),
    }),
    voidPayment: async (request) => {
      const payment = await voidPayment(parts, whichIn(request));
      return { payment: payment && paymentMessage(payment) };
    },
    processRefund: async (request) => {
      const { amount, refundId, reason } = request;
      const { payment, refund } = await processRefund(parts, {
        which: whichIn(request),
        amount,
        refundId,
        reason,
      });
      return { payment: paymentMessage(payment), refund: refundMessage(refund, payment.currency) };
    },
    listPayments: async ({ status, orderId, ...page }) => {
      const filter = { status: statusIn(status), orderId: orderId === "" ? undefined : orderId };
      const { payments, nextPageToken } = await listPayments(parts, filter, page);
      return { payments: payments.map((payment) => paymentMessage(payment)), nextPageToken };
    },
    receiveProviderEvent: (request) => receiveProviderEvent(parts, request),
    resolvePayment: async ({ paymentId }) => ({
      payment: paymentMessage(await resolvePayment(parts, paymentId)),
    }),
    listProviderPayments: async (request) => {
      const { payments, nextPageToken } = await listProviderPayments(parts, request);
      return { payments: payments.map(providerPaymentMessage), nextPageToken };
    },
  };
}
