// What the gateway reads from the environment, beside what every process of the store reads.

import { flag, whole } from "@webstore/kit";
import { z } from "zod";
import { routes } from "./routes.ts";

const listMax = 100;

/** A list, as a JSON array (`["a","b"]`) or with commas between (`a,b`). */
const list = (fallback: readonly string[]) =>
  z
    .string()
    .max(10_000)
    .transform((text, context) => {
      const items = itemsOf(text);
      if (items !== undefined && items.length <= listMax) return items;
      context.addIssue({ code: "custom", message: `must be a JSON array of at most ${listMax} strings` });
      return z.NEVER;
    })
    .default([...fallback]);

function itemsOf(text: string): string[] | undefined {
  if (!text.trimStart().startsWith("[")) {
    return text
      .split(",")
      .map((item) => item.trim())
      .filter((item) => item !== "");
  }
  try {
    return z.array(z.string().min(1)).parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

export const gatewayConfig = z.object({
  APP_PORT: whole(8000, 0, 65_535).describe("HTTP for the world: REST, Connect, documents."),
  OPENAPI_URL: z
    .string()
    .regex(/^\/[A-Za-z0-9._/-]{1,200}$/, "must be a path")
    .default(routes.getOpenApi.path)
    .describe("Where the OpenAPI document is."),
  STORE_CURRENCY: z
    .string()
    .regex(/^[A-Z]{3}$/, "must be an ISO 4217 code")
    .default("USD")
    .describe("The currency that the price filters of the product list speak of."),
  CHECKOUT_WAIT_MS: whole(10_000, 0, 10_000).describe(
    "How long a checkout waits for the outcome before it answers 202.",
  ),
  APP_MIDDLEWARE_CORS: flag(true).describe("Answer browsers that come from other origins."),
  APP_MIDDLEWARE_GZIP: flag(false).describe("Compress answers."),
  APP_MIDDLEWARE_TRUSTEDHOST: flag(true).describe("Refuse requests for other hosts than the allowed ones."),
  APP_MIDDLEWARE_HTTPSREDIRECT: flag(false).describe("Send plain HTTP to HTTPS."),
  BACKEND_CORS_ORIGINS: list(["http://localhost:8000", "http://127.0.0.1:8000"]).describe(
    "Origins that may read answers; `*` is all of them.",
  ),
  BACKEND_CORS_CREDENTIALS: flag(false).describe("Whether browsers may send cookies; not with origin `*`."),
  BACKEND_CORS_METHODS: list(["GET", "POST", "PATCH", "DELETE"]).describe(
    "Methods that other origins may use.",
  ),
  BACKEND_CORS_HEADERS: list([
    "authorization",
    "content-type",
    "idempotency-key",
    "traceparent",
    "connect-protocol-version",
    "connect-timeout-ms",
    "grpc-timeout",
    "x-grpc-web",
    "x-user-agent",
  ]).describe("Request headers that other origins may send."),
  BACKEND_ALLOWED_HOSTS: list(["localhost", "127.0.0.1", "[::1]"]).describe(
    "Hosts that requests may be for, without port; `*.example.com` is any below, `*` is any.",
  ),
  TRUSTED_PROXY_HOPS: whole(0, 0, 10).describe(
    "How many proxies in front say truly, by X-Forwarded-*, who calls; 0 believes none.",
  ),
  RATE_LIMIT_PER_SECOND: whole(100, 1, 1_000_000).describe("Requests per token or, without one, address."),
  WEBHOOK_RATE_LIMIT_PER_SECOND: whole(2_000, 1, 1_000_000).describe(
    "Events of the payment provider, per address; they come in bursts and are not counted with other requests.",
  ),
  PAYMENT_UPDATES_API_KEY: z
    .string()
    .min(16)
    .max(256)
    .optional()
    .describe(
      "What an outside system sends as X-Internal-Api-Key to POST /webhooks/payment-updates; not set: there is no such route.",
    ),
  BODY_BYTES_MAX: whole(1024 * 1024, 1, 64 * 1024 * 1024).describe("Greatest request body."),
  IMAGE_BYTES_MAX: whole(5 * 1024 * 1024, 1, 6 * 1024 * 1024).describe("Greatest image of a product."),
});
export type GatewayConfig = z.output<typeof gatewayConfig>;
