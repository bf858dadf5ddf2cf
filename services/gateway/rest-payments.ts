// REST for staff: payments and refunds. What they may see and do is the payments service's to decide.

import { decimalOf, minorOf } from "@webstore/kit";
import type { Payment, PaymentStatus, Refund } from "@webstore/proto/payments/v1";
import { z } from "zod";
import type { Ports } from "./definition.ts";

import { present } from "./present.ts";
import { type AuditParts, audited } from "./record-audit.ts";
import { invalidField } from "./refuse-field.ts";
import {
  money,
  pageOf,
  pageSize,
  pageToken,
  paymentStatuses,
  priceShape,
  text,
  timeJson,
  timeShape,
  uuid,
} from "./rest-shapes.ts";
import { type Route, route } from "./route.ts";

const paymentShape = z
  .strictObject({
    payment_id: z.string(),
    order_id: z.string(),
    customer_id: z.string(),
    status: z.enum(paymentStatuses),
    amount: priceShape,
    captured: priceShape,
    refunded: priceShape,
    provider_reference: z.string().nullable(),
    receipt_url: z.string().nullable(),
    decline_code: z.string().nullable(),
    card_brand: z.string().nullable(),
    country: z.string().nullable(),
    resolution_given_up: z
      .boolean()
      .describe("Nobody asks the provider any more what became of it: somebody must look."),
    history: z.array(z.strictObject({ status: z.enum(paymentStatuses), at: timeShape })),
    created_at: timeShape,
  })
  .meta({ id: "Payment" });

const refundShape = z
  .strictObject({
    refund_id: z.string(),
    amount: priceShape,
    provider_reference: z.string().nullable(),
    reason: z.string().nullable(),
    settled: z.boolean().describe("False: the provider has not answered yet."),
    created_at: timeShape,
  })
  .meta({ id: "Refund" });

const paymentParams = z.object({ payment_id: uuid });

export type PaymentParts = AuditParts & { readonly ports: Pick<Ports, "payments"> };

export function paymentRoutes(parts: PaymentParts): Route[] {
  const { payments } = parts.ports;
  return [
    route("listPayments", {
      tag: "payments",
      summary: "Payments, the newest first.",
      query: z.object({
        status: z.enum(paymentStatuses).optional(),
        order_id: uuid.optional(),
        page_size: pageSize,
        page_token: pageToken,
      }),
      answers: { 200: { description: "A page of payments.", schema: pageOf("payments", paymentShape) } },
      refusals: [],
      handle: async ({ query }) => {
        const page = await payments.listPayments({
          status: `PAYMENT_STATUS_${(query.status ?? "unspecified").toUpperCase()}` as PaymentStatus,
          orderId: query.order_id ?? "",
          pageSize: query.page_size,
          pageToken: query.page_token,
        });
        const body = { payments: page.payments.map(paymentJson), next_page_token: page.nextPageToken };
        return { status: 200, body };
      },
    }),
    route("getPayment", {
      tag: "payments",
      summary: "One payment, with what was given back.",
      params: paymentParams,
      answers: {
        200: {
          description: "The payment.",
          schema: z.strictObject({ payment: paymentShape, refunds: z.array(refundShape) }),
        },
      },
      refusals: ["payment_not_found"],
      handle: async ({ params }) => {
        const { payment, refunds } = await payments.getPayment({
          payment: { $case: "paymentId", value: params.payment_id },
        });
        const body = { payment: paymentJson(present(payment, "payment")), refunds: refunds.map(refundJson) };
        return { status: 200, body };
      },
    }),
    refundRoute(parts),
    resolveRoute(parts),
  ];
}

function refundRoute(parts: PaymentParts): Route {
  return route("refundPayment", {
    tag: "payments",
    summary: "Give money back: an amount, or all that is left. The same Idempotency-Key gives back once.",
    params: paymentParams,
    // No body at all gives back all that is left.
    body: z
      .strictObject({
        // Inline: beside a reference the document keeps no description.
        amount: z
          .strictObject(money.shape)
          .describe("How much, in the payment's currency; without it all that is left.")
          .optional(),
        reason: text(200).optional().describe("Why; it is kept with the refund, and in the audit log."),
      })
      .optional()
      .transform((body) => body ?? {}),
    idempotencyKey: "required",
    deadlineMs: 8_000,
    answers: {
      201: {
        description: "The refund, and the payment as it is now.",
        schema: z.strictObject({ refund: refundShape, payment: paymentShape }),
      },
    },
    refusals: ["payment_not_found", "payment_not_refundable", "refund_exceeds_captured"],
    handle: async ({ params, body, idempotencyKey }) => {
      const request = {
        payment: { $case: "paymentId" as const, value: params.payment_id },
        amount: body.amount === undefined ? undefined : moneyOf(body.amount),
        refundId: present(idempotencyKey, "idempotency key"),
        reason: body.reason ?? "",
      };
      const amount = body.amount === undefined ? "all that is left" : Object.values(body.amount).join(" ");
      const audit = {
        action: "ProcessRefund",
        subject: params.payment_id,
        detail: request.reason === "" ? amount : `${amount} ${request.reason}`,
      };
      const { payment, refund } = await audited(parts, audit, () =>
        parts.ports.payments.processRefund(request),
      );
      const answer = {
        refund: refundJson(present(refund, "refund")),
        payment: paymentJson(present(payment, "payment")),
      };
      return { status: 201, body: answer };
    },
  });
}

function resolveRoute(parts: PaymentParts): Route {
  return route("resolvePayment", {
    tag: "payments",
    summary: "Ask the provider now how a payment stands, and settle it. It may still be unknown afterwards.",
    params: paymentParams,
    deadlineMs: 8_000,
    answers: {
      200: { description: "The payment as it is now.", schema: z.strictObject({ payment: paymentShape }) },
    },
    refusals: ["payment_not_found"],
    handle: async ({ params }) => {
      const paymentId = params.payment_id;
      const audit = { action: "ResolvePayment", subject: paymentId, detail: "" };
      const { payment } = await audited(parts, audit, () =>
        parts.ports.payments.resolvePayment({ paymentId }),
      );
      return { status: 200, body: { payment: paymentJson(present(payment, "payment")) } };
    },
  });
}

function moneyOf(given: z.output<typeof money>) {
  const amountMinor = minorOf(given.amount, given.currency);
  if (amountMinor === undefined || amountMinor === 0n) {
    throw invalidField("amount.amount", `must be an amount of ${given.currency}, more than 0`);
  }
  return { amountMinor, currency: given.currency };
}

function paymentJson(payment: Payment): z.input<typeof paymentShape> {
  const { amountMinor, currency } = present(payment.amount, "amount");
  const inCurrency = (minor: bigint) => ({ amount: decimalOf(minor, currency), currency });
  return {
    payment_id: payment.paymentId,
    order_id: payment.orderId,
    customer_id: payment.customerId,
    status: statusName(payment.status),
    amount: inCurrency(amountMinor),
    captured: inCurrency(payment.capturedMinor),
    refunded: inCurrency(payment.refundedMinor),
    provider_reference: payment.providerReference || null,
    receipt_url: payment.receiptUrl || null,
    decline_code: payment.declineCode || null,
    card_brand: payment.cardBrand || null,
    country: payment.country || null,
    resolution_given_up: payment.resolutionGivenUp,
    history: payment.history.map(({ status, at }) => ({ status: statusName(status), at: timeJson(at) })),
    created_at: timeJson(payment.createTime),
  };
}

function refundJson(refund: Refund): z.input<typeof refundShape> {
  const { amountMinor, currency } = present(refund.amount, "amount");
  return {
    refund_id: refund.refundId,
    amount: { amount: decimalOf(amountMinor, currency), currency },
    provider_reference: refund.providerReference || null,
    reason: refund.reason || null,
    settled: refund.settled,
    created_at: timeJson(refund.createTime),
  };
}

/** `PAYMENT_STATUS_CAPTURED` is `captured` outside. */
function statusName(status: PaymentStatus) {
  return status.slice("PAYMENT_STATUS_".length).toLowerCase() as (typeof paymentStatuses)[number];
}
