// The answers that are kept under the callers' idempotency keys, for 24 hours, as Stripe keeps them.
//
// Invariants:
//   K1. Once execution began, its answer is kept, whether it is a success, a 4xx or a 500, and the
//       key gives it again. What was refused before (a parameter that is not valid) is not kept.
//   K2. A key belongs to one request: another path or other parameters are refused.

import { hash } from "node:crypto";
import { ApiError } from "./api-error.ts";
import { type Database, lastSeqOf } from "./database.ts";

export const keptSeconds = 86_400;

export type KeptAnswer = { readonly status: number; readonly body: string; readonly requestId: string };

export type KeyedRequest = { readonly key: string; readonly path: string; readonly fingerprint: string };

export type Idempotency = {
  /** The answer given before; throws when the key was used for something else. Seconds are those of Clock's keys. */
  find(request: KeyedRequest, nowSeconds: number): KeptAnswer | undefined;
  keep(request: KeyedRequest, answer: KeptAnswer, nowSeconds: number): void;
};

/** Equal for equal parameters, in whatever order they came. */
export function fingerprintOf(form: string): string {
  return hash("sha256", form.split("&").sort().join("&"), "base64url");
}

function reused(key: string, what: string): ApiError {
  const message = `Keys for idempotent requests can only be used ${what} they were first used with. Try using a key other than '${key}' if you meant to execute a different request.`;
  return new ApiError(400, { type: "idempotency_error", message });
}

export function keyInUse(key: string): ApiError {
  const message = `There is currently another in-progress request using this Idempotent Key: ${key}. Please try again later.`;
  return new ApiError(409, { type: "idempotency_error", code: "idempotency_key_in_use", message });
}

export function openIdempotency(database: Database): Idempotency {
  const find = database.prepare("SELECT * FROM idempotency WHERE key = ? AND seq > ?");
  const keep = database.prepare("INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?, ?, ?)");
  return {
    find({ key, path, fingerprint }, nowSeconds) {
      const row = find.get(key, lastSeqOf(nowSeconds - keptSeconds));
      if (row === undefined) return undefined;
      if (row.path !== path) throw reused(key, "for the same endpoint");
      if (row.fingerprint !== fingerprint) throw reused(key, "with the same parameters");
      return { status: Number(row.status), body: String(row.body), requestId: String(row.request_id) };
    },
    keep({ key, path, fingerprint }, { status, body, requestId }, nowSeconds) {
      keep.run(database.nextSeq(nowSeconds), key, path, fingerprint, requestId, status, body);
    },
  };
}
