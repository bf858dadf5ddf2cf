// Failures by the customer's country: some requests are answered with an error before anything
// happens. Off by default. Reads never fail: a 404 on a read would be a lie about money.
//
// Invariant: equal seeds, rates and requests give equal failures.

import { z } from "zod";
import { ApiError } from "./api-error.ts";
import type { Database } from "./database.ts";
import type { Ids } from "./ids.ts";

export const failureStatuses = [400, 404, 429, 500, 503] as const;
export type FailureStatus = (typeof failureStatuses)[number];

export const failureRates = z.strictObject({
  countries: z
    .record(
      z.string().regex(/^[A-Z]{2}$/),
      z.strictObject({
        rate: z.number().min(0).max(1),
        codes: z.array(z.literal(failureStatuses)).min(1).max(20),
      }),
    )
    .refine((countries) => Object.keys(countries).length <= 300, "at most 300 countries"),
});
export type FailureRates = z.infer<typeof failureRates>;

export const failureTable: FailureRates = {
  countries: {
    US: { rate: 0.05, codes: [400, 500, 503] },
    UK: { rate: 0.07, codes: [400, 404, 500] },
    DE: { rate: 0.06, codes: [500, 503] },
    FR: { rate: 0.08, codes: [400, 500, 503, 429] },
    JP: { rate: 0.1, codes: [500, 503] },
    BR: { rate: 0.15, codes: [400, 404, 500, 503] },
    IN: { rate: 0.12, codes: [400, 500, 503] },
  },
};

export type Failures = {
  readonly rates: FailureRates;
  readonly on: boolean;
  /** These rates from now on, also after a restart. */
  set(rates: FailureRates): void;
  /** The status that this request of this country fails with, if it does. */
  draw(country: string): FailureStatus | undefined;
  /** Back to no failures. */
  clear(): void;
};

/** ISO calls the country GB; the table and many customers say UK. Both mean it. */
function rateOf(rates: FailureRates, country: string) {
  const name = country.toUpperCase();
  return rates.countries[name] ?? (name === "GB" ? rates.countries.UK : undefined);
}

export function openFailures(database: Database, ids: Ids, atStart: "table" | "none" | undefined): Failures {
  const store = database.prepare("INSERT OR REPLACE INTO settings VALUES ('failures', ?)");
  const none: FailureRates = { countries: {} };
  const kept = database.prepare("SELECT value FROM settings WHERE name = 'failures'").get();
  const keptRates = kept === undefined ? none : failureRates.parse(JSON.parse(String(kept.value)));
  let rates = atStart === undefined ? keptRates : atStart === "table" ? failureTable : none;
  return {
    get rates() {
      return rates;
    },
    get on() {
      return Object.keys(rates.countries).length > 0;
    },
    set(to) {
      store.run(JSON.stringify(to));
      rates = to;
    },
    draw(country) {
      const is = rateOf(rates, country);
      if (is === undefined || is.rate === 0) return undefined;
      const draw = database.next("draws");
      if (ids.chance(draw, "failure") >= is.rate) return undefined;
      return is.codes[Math.floor(ids.chance(draw, "status") * is.codes.length)];
    },
    clear() {
      rates = none;
    },
  };
}

const texts: Readonly<
  Record<FailureStatus, { type: "api_error" | "invalid_request_error"; code?: string; message: string }>
> = {
  400: { type: "invalid_request_error", message: "The request could not be processed." },
  404: { type: "invalid_request_error", code: "resource_missing", message: "The resource was not found." },
  429: {
    type: "invalid_request_error",
    code: "rate_limit",
    message:
      "Too many requests hit the API too quickly. We recommend an exponential backoff of your requests.",
  },
  500: { type: "api_error", message: "An unknown error occurred." },
  503: { type: "api_error", message: "The service is temporarily unavailable. Please try again later." },
};

export function failureError(status: FailureStatus): ApiError {
  return new ApiError(status, texts[status]);
}

/** As Stripe: an answer that says "not now" leaves the key free, every other one is kept under it. */
export function isKept(status: FailureStatus): boolean {
  return status !== 429 && status !== 503;
}
