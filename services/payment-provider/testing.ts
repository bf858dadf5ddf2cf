// What the tests share: a provider of their own over real HTTP, and the official client pointed at it.

import { Stripe } from "stripe";
import { onTestFinished } from "vitest";
import { type Environment, readConfig } from "./config.ts";
import { openProvider, type Provider, type ProviderOptions } from "./provider.ts";
import { serveProvider } from "./server.ts";

export const apiKey = "sk_test_webstore";
export const webhookSecret = "whsec_webstore";

export type TestProvider = { readonly url: string; readonly stripe: Stripe; readonly provider: Provider };

/** The client makes one attempt a call, so that a test sees every answer. */
export function clientOf(url: string, key = apiKey, timeoutMs = 5_000): Stripe {
  const { hostname, port } = new URL(url);
  return new Stripe(key, {
    host: hostname,
    port,
    protocol: "http",
    maxNetworkRetries: 0,
    timeout: timeoutMs,
  });
}

/** Stops when the test ends. */
export async function startTestProvider(
  env: Environment = {},
  options: ProviderOptions = {},
): Promise<TestProvider> {
  const config = readConfig({ DATA_DIR: ":memory:", PAYMENT_PROVIDER_PORT: "0", ...env });
  const provider = openProvider(config, options);
  const { url, stop } = await serveProvider(provider);
  onTestFinished(stop);
  return { url, stripe: clientOf(url), provider };
}

export async function admin(url: string, method: string, path: string, body?: object): Promise<Response> {
  return fetch(`${url}/admin/${path}`, { method, body: body === undefined ? null : JSON.stringify(body) });
}

/** What the admin API answers; fails when it refuses. */
export async function tell<Body = unknown>(
  url: string,
  method: string,
  path: string,
  body?: object,
): Promise<Body> {
  const answer = await admin(url, method, path, body);
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
  return JSON.parse(text) as Body;
}

export const dayMs = 86_400_000;

export const advance = (url: string, ms: number, more: object = {}) =>
  tell(url, "PUT", "clock", { advance_ms: ms, ...more });

/** The sums in one currency. */
export async function sumsOf(url: string, currency = "usd"): Promise<Record<string, number>> {
  const { totals } = await tell<{ totals: Record<string, Record<string, number>> }>(
    url,
    "GET",
    "payment_intents",
  );
  return totals[currency] ?? {};
}

/** Money that was held and is taken. */
export async function take(
  stripe: Stripe,
  is: Partial<Stripe.PaymentIntentCreateParams> = {},
): Promise<Stripe.PaymentIntent> {
  const { id } = await hold(stripe, is);
  return stripe.paymentIntents.capture(id);
}

/** The types of all events, oldest first. */
export async function eventsOf(stripe: Stripe): Promise<string[]> {
  const events = await stripe.events.list({ limit: 100 });
  return events.data.map(({ type }) => type).reverse();
}

/** What the call was refused with; fails when it was not. */
export async function refusalOf(
  call: Promise<unknown>,
): Promise<InstanceType<typeof Stripe.errors.StripeError>> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof Stripe.errors.StripeError) return error;
  throw new Error("the call was not refused", { cause: error });
}

/** A checkout's payment: held, not taken. */
export function hold(
  stripe: Stripe,
  is: Partial<Stripe.PaymentIntentCreateParams> = {},
  idempotencyKey?: string,
) {
  const params: Stripe.PaymentIntentCreateParams = {
    amount: 10_00,
    currency: "usd",
    confirm: true,
    capture_method: "manual",
    payment_method: "pm_card_visa",
    ...is,
  };
  return stripe.paymentIntents.create(params, idempotencyKey === undefined ? {} : { idempotencyKey });
}
