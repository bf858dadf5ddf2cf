// How this API says no: Stripe's error object, with Stripe's HTTP statuses. Whatever is thrown
// as an ApiError is an answer, and what was written before it stands (a declined card leaves its
// payment intent behind); anything else that is thrown is a bug, and everything is rolled back.

import type { PaymentIntent } from "./payment-intent.ts";

export type ApiErrorType = "api_error" | "card_error" | "idempotency_error" | "invalid_request_error";

export type ApiErrorFields = {
  readonly type: ApiErrorType;
  readonly message: string;
  readonly code?: string | undefined;
  readonly decline_code?: string | undefined;
  readonly param?: string | undefined;
  readonly charge?: string | undefined;
  readonly payment_intent?: PaymentIntent | undefined;
};

export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly fields: ApiErrorFields;

  constructor(status: number, fields: ApiErrorFields) {
    super(fields.message);
    this.status = status;
    this.fields = fields;
  }
}

export function errorBody(error: ApiError): string {
  return JSON.stringify({ error: error.fields });
}

/** 400: the request itself is at fault. */
export function invalidRequest(message: string, is: { param?: string; code?: string } = {}): ApiError {
  return new ApiError(400, { type: "invalid_request_error", message, ...is });
}

/** An id that names nothing: 404 where it stands in the URL, 400 where it is a parameter. */
export function noSuch(kind: string, id: string, param: string, status: 400 | 404): ApiError {
  const message = `No such ${kind}: '${id.slice(0, 100)}'`;
  return new ApiError(status, { type: "invalid_request_error", code: "resource_missing", message, param });
}

/** 400: the payment intent is in a state that does not allow this. */
export function unexpectedState(intent: PaymentIntent, message: string): ApiError {
  const code = "payment_intent_unexpected_state";
  return new ApiError(400, { type: "invalid_request_error", code, message, payment_intent: intent });
}

export const internalError = new ApiError(500, {
  type: "api_error",
  message: "An unknown error occurred.",
});
