// What the tests share: a provider of their own over real HTTP, and the official client pointed at it.

import http from "node:http";
import type { AddressInfo } from "node:net";
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

export type Received = { readonly signature: string; readonly payload: string; readonly status: number };

export type Receiver = {
  readonly url: string;
  readonly received: Received[];
  /** Those that were answered 2xx. */
  taken(): Stripe.Event[];
  /** This status from now on. */
  answerAll(status: number): void;
  /** No answer until `release`. */
  hold(): void;
  release(): void;
  /** How many wait for their answer, and how many ever did at once. */
  open(): number;
  openMost(): number;
};

/** A webhook that answers with these statuses in turn, then with 200. */
export async function startReceiver(...statuses: number[]): Promise<Receiver> {
  const received: Received[] = [];
  let always: number | undefined;
  let held: PromiseWithResolvers<void> | undefined;
  let open = 0;
  let openMost = 0;
  const server = http.createServer(async (request, response) => {
    open += 1;
    openMost = Math.max(openMost, open);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    await held?.promise;
    const signature = String(request.headers["stripe-signature"]);
    const status = always ?? statuses.shift() ?? 200;
    open -= 1;
    received.push({ signature, payload: Buffer.concat(chunks).toString(), status });
    response.writeHead(status).end();
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    taken: () =>
      received.flatMap(({ payload, status }) =>
        status === 200 ? [JSON.parse(payload) as Stripe.Event] : [],
      ),
    answerAll(status) {
      always = status;
    },
    hold() {
      held = Promise.withResolvers();
    },
    release: () => held?.resolve(),
    open: () => open,
    openMost: () => openMost,
  };
}
