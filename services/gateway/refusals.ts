// The reasons that the gateway itself refuses a request for, before any service sees it.

import { defineRefusals } from "@webstore/kit";

export const refusals = defineRefusals("gateway", {
  invalid_request: {
    code: "INVALID_ARGUMENT",
    caller: "The request is not valid; `errors` says which fields are at fault.",
    operator: "A client sends what the API does not allow; nothing to do here.",
  },
  malformed_body: {
    code: "INVALID_ARGUMENT",
    caller: "The body is not the JSON (or the form) that its content type says.",
    operator: "A client sends broken bodies; nothing to do here.",
  },
  malformed_url: {
    code: "INVALID_ARGUMENT",
    caller: "The URL cannot be read.",
    operator: "A client or a scanner sends broken URLs; nothing to do here.",
  },
  idempotency_key_required: {
    code: "INVALID_ARGUMENT",
    caller: "This needs an idempotency key in its header: a UUID that the client keeps for its repeats.",
    operator: "A client does not send the key; nothing to do here.",
  },
  idempotency_key_invalid: {
    code: "INVALID_ARGUMENT",
    caller: "The idempotency key must be one UUID.",
    operator: "A client sends something else as a key; nothing to do here.",
  },
  api_key_invalid: {
    code: "UNAUTHENTICATED",
    caller: "This needs the header X-Internal-Api-Key with the key that was agreed on.",
    operator: "An outside system has an old PAYMENT_UPDATES_API_KEY, or somebody is guessing it.",
  },
  host_not_allowed: {
    code: "INVALID_ARGUMENT",
    caller: "This store does not answer for that host.",
    operator: "Many at once: a name of the store is missing from BACKEND_ALLOWED_HOSTS.",
  },
  route_not_found: {
    code: "NOT_FOUND",
    caller: "There is nothing at this path.",
    operator: "A client or a scanner asks for what is not there; nothing to do here.",
  },
  method_not_allowed: {
    code: "INVALID_ARGUMENT",
    caller: "This path does not have that method; the header Allow names those it has.",
    operator: "A client uses the wrong method; nothing to do here.",
  },
  body_too_large: {
    code: "INVALID_ARGUMENT",
    caller: "The body is too large.",
    operator: "A client sends more than BODY_BYTES_MAX (or IMAGE_BYTES_MAX); nothing to do here.",
  },
  media_type_unsupported: {
    code: "INVALID_ARGUMENT",
    caller: "This does not read bodies of that content type.",
    operator: "A client sends the wrong content type; nothing to do here.",
  },
  rate_limited: {
    code: "RESOURCE_EXHAUSTED",
    caller: "Too many requests; the header Retry-After says when to come back.",
    operator: "One token or address asks for more than RATE_LIMIT_PER_SECOND.",
  },
});
