// What the tests of payments share: the simulator, and the service with a database of its own, all real.

import { randomUUID } from "node:crypto";
import { openBreaker, type Running } from "@webstore/kit";
import {
  freshName,
  type TestClient,
  testClient,
  testInternalKey,
  testJwksUrl,
  unrecordedTelemetry,
  useTestPostgres,
} from "@webstore/kit/testing";
// The provider is another company and exports nothing to us; its process is started as itself.
import { start as startProviderProcess } from "@webstore/payment-provider/main";
import type { CreatePaymentRequest, Payment } from "@webstore/proto/payments/v1";
import pg from "pg";
import { payments } from "./definition.ts";
import { program } from "./main.ts";
import { type Payment as Kept, newPayment } from "./payment.ts";
import { stripeProvider } from "./provider.stripe.ts";

export type TestProvider = {
  readonly url: string;
  /** The admin API, in the simulator's own words. */
  admin(method: string, path: string, body: object): Promise<void>;
  /** The provider's own API, as its dashboard uses it. */
  api(method: string, path: string, form?: Record<string, string>): Promise<Record<string, unknown>>;
  /** What is to go wrong, in the simulator's own words. */
  script(scenario: object): Promise<void>;
  failures(countries: object): Promise<void>;
  /** The shopper answers the bank's question. */
  authenticate(paymentIntent: string, outcome: "succeeded" | "failed"): Promise<void>;
  /** The provider's own list of the payment intents of an order. */
  intentsOf(orderId: string): Promise<{ id: string; status: string; amount_received: number }[]>;
  stop(): Promise<void>;
};

/** `webhookUrl`: where it sends its events; without it, it sends none. */
export async function startTestProvider(webhookUrl = ""): Promise<TestProvider> {
  const running = await startProviderProcess({
    DATA_DIR: ":memory:",
    PAYMENT_PROVIDER_PORT: "0",
    PAYMENT_PROVIDER_WEBHOOK_URL: webhookUrl,
  });
  const url = running.urls.http ?? "";
  const admin = async (method: string, path: string, body: object) => {
    const answer = await fetch(`${url}/admin/${path}`, { method, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  };
  const api: TestProvider["api"] = async (method, path, form) => {
    const headers = { authorization: "Bearer sk_test_webstore" };
    const body = form === undefined ? null : new URLSearchParams(form);
    const answer = await fetch(`${url}/v1/${path}`, { method, headers, body });
    const object = (await answer.json()) as Record<string, unknown>;
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${JSON.stringify(object)}`);
    return object;
  };
  return {
    url,
    admin,
    api,
    script: (scenario) => admin("POST", "scenarios", scenario),
    failures: (countries) => admin("PUT", "failures", { countries }),
    authenticate: (payment_intent, outcome) => admin("POST", "authentications", { payment_intent, outcome }),
    async intentsOf(orderId) {
      const { data } = (await api("GET", "payment_intents?limit=100")) as {
        data: { id: string; status: string; amount_received: number; metadata: { order_id?: string } }[];
      };
      return data.filter(({ metadata }) => metadata.order_id === orderId);
    },
    stop: running.stop,
  };
}

/** The adapter alone, impatient so that tests need not be patient. */
export function adapterOf(url: string, is: { timeoutMs?: number; failures?: number } = {}) {
  const { timeoutMs = 300, failures = 1_000 } = is;
  const telemetry = unrecordedTelemetry("test");
  return stripeProvider({
    url,
    apiKey: "sk_test_webstore",
    timeoutMs,
    breaker: openBreaker("payment-provider", { failures, coolDownMs: 60_000 }),
    telemetry,
    duration: telemetry.histogram("external.payment.provider.duration"),
  });
}

/** A database of its own: the service decides on its schema's name itself. */
export async function freshDatabase(): Promise<{ url: string; query: Query; drop(): Promise<void> }> {
  const server = await useTestPostgres();
  const name = freshName();
  const queryAt =
    (url: string): Query =>
    async (sql) => {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      const { rows } = await client.query(sql).finally(() => client.end());
      return rows;
    };
  await queryAt(server.url)(`create database ${name}`);
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    query: queryAt(url.href),
    async drop() {
      await queryAt(server.url)(`drop database ${name} with (force)`);
      await server.stop();
    },
  };
}

type Query = (sql: string) => Promise<Record<string, unknown>[]>;
export type PaymentsClient = TestClient<typeof payments.serves>;

export type TestPayments = {
  readonly running: Running;
  readonly query: Query;
  /** Another service of the store. */
  readonly client: PaymentsClient;
  as(means: { token?: string; internal?: boolean }): PaymentsClient;
  stop(): Promise<void>;
};

/** `env`: over what tests have in common. */
export async function startTestPayments(
  providerUrl: string,
  env: Record<string, string> = {},
): Promise<TestPayments> {
  const database = await freshDatabase();
  const running = await program.start({
    DATABASE_URL: database.url,
    PAYMENT_PROVIDER_URL: providerUrl,
    INTERNAL_API_KEY: testInternalKey,
    JWKS_URL: testJwksUrl,
    DEMO_TOKENS: "true",
    LOG_LEVEL: "silent",
    RPC_PORT: "0",
    ADMIN_PORT: "0",
    // Nobody is there unless a test starts somebody.
    ORDERS_ADDRESS: "127.0.0.1:1",
    ...env,
  });
  const opened: { close(): void }[] = [];
  const as: TestPayments["as"] = (means) => {
    const client = testClient(payments, running.urls.rpc ?? "", means);
    opened.push(client);
    return client;
  };
  return {
    running,
    query: database.query,
    client: as({ internal: true }),
    as,
    async stop() {
      for (const client of opened) client.close();
      await running.stop();
      await database.drop();
    },
  };
}

export type Published = {
  readonly id: string;
  readonly name: string;
  readonly data: { readonly amount: string; readonly status: string; readonly refundId?: string };
};

/** The events of an order on the bus of this database, in their order. */
export async function publishedOf(query: Query, orderId: string): Promise<Published[]> {
  const rows = await query(
    `select convert_from(value, 'utf8') as value from bus.messages where key = '${orderId}' order by "offset"`,
  );
  return rows.map(({ value }) => JSON.parse(String(value)) as Published);
}

/** An invoice over 19.99 USD for an order that nobody has seen before. */
export function invoice(is: Partial<CreatePaymentRequest> = {}): CreatePaymentRequest {
  return {
    orderId: randomUUID(),
    customerId: "00000000-0000-4000-8000-000000000001",
    amount: { amountMinor: 19_99n, currency: "USD" },
    paymentMethodToken: "pm_card_visa",
    country: "DE",
    description: "Order of a test",
    ...is,
  };
}

/** The same as the store keeps it before anything has happened. */
export function keptPayment(is: Partial<Kept> = {}): Kept {
  const fresh = newPayment({
    paymentId: randomUUID(),
    orderId: randomUUID(),
    customerId: "00000000-0000-4000-8000-000000000001",
    country: "DE",
    description: "Order of a test",
    amountMinor: 19_99n,
    currency: "USD",
    nowMs: Date.now(),
  });
  return { ...fresh, ...is };
}

export const byOrder = (orderId: string) => ({ payment: { $case: "orderId" as const, value: orderId } });
export const byId = (paymentId: string) => ({ payment: { $case: "paymentId" as const, value: paymentId } });

/** The payment of an answer that has one. */
export function paymentIn({ payment }: { payment: Payment | undefined }): Payment {
  if (payment === undefined) throw new Error("an answer without a payment");
  return payment;
}
