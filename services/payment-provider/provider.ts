// The provider's parts, put together over one database, and what an operation is.

import type { BalanceTransaction, Charge } from "./charge.ts";
import { type Clock, openClock } from "./clock.ts";
import { type Collection, openCollection } from "./collection.ts";
import type { Config } from "./config.ts";
import { type Database, openDatabase } from "./database.ts";
import type { Dispute } from "./dispute.ts";
import type { ProviderEvent } from "./event.ts";
import { type Failures, openFailures } from "./failures.ts";
import type { Params } from "./form.ts";
import { type Idempotency, openIdempotency } from "./idempotency.ts";
import { type Ids, seededIds } from "./ids.ts";
import type { PaymentIntent } from "./payment-intent.ts";
import type { Refund } from "./refund.ts";
import type { RequestAction, ScenarioOperation } from "./scenario-actions.ts";
import { type Met, openScenarios, type Scenarios } from "./scenarios.ts";
import { openStandings, type Standings } from "./standings.ts";
import { openTimers, type Timers } from "./timers.ts";
import { openWebhooks, type WebhookLimits, type Webhooks } from "./webhooks.ts";

export type Store = {
  readonly paymentIntents: Collection<PaymentIntent>;
  readonly charges: Collection<Charge>;
  readonly refunds: Collection<Refund>;
  readonly disputes: Collection<Dispute>;
  readonly events: Collection<ProviderEvent>;
  readonly balanceTransactions: Collection<BalanceTransaction>;
  readonly standings: Standings;
};

export type Provider = {
  readonly config: Config;
  readonly database: Database;
  readonly store: Store;
  readonly ids: Ids;
  readonly idempotency: Idempotency;
  readonly failures: Failures;
  readonly scenarios: Scenarios;
  readonly webhooks: Webhooks;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Real milliseconds since the epoch. */
  readonly nowMs: () => number;
  /** Where the API is reached; known once it listens. */
  baseUrl: string;
  /** Tells whatever waits that the clock has jumped. */
  jumped: () => void;
};

/** One execution of an operation, inside its transaction. */
export type Work = {
  readonly provider: Provider;
  readonly store: Store;
  readonly operation: ScenarioOperation | undefined;
  /** What is written down: real time. */
  readonly nowSeconds: number;
  /** From when on it waits: virtual time. */
  readonly clockMs: number;
  /** Undefined when nobody asked for it: its time had come. */
  readonly requestId: string | undefined;
  readonly idempotencyKey: string | undefined;
  /** The scenario that this attempt met, whatever the payment method says. */
  readonly met: Met<RequestAction> | undefined;
};

/** A request that was read and found valid. */
export type Run = {
  /** The payment intent that it is about: its id, or what will become one. */
  readonly about:
    | string
    | { readonly metadata: Readonly<Record<string, string>>; readonly token: string | undefined }
    | undefined;
  /** The token that it brings. */
  readonly token?: string | undefined;
  /** Whether it tries to move money. */
  readonly attempts?: boolean;
  /** Returns the answer: an object of the API, or its JSON. Throws an ApiError to answer with that. */
  readonly execute: (work: Work) => object | string;
};

export type Operation = {
  /** Its name in scenarios; lists have none. */
  readonly scenarioName: ScenarioOperation | undefined;
  /** A shopper's browser may call it without an API key, by the intent's client_secret. */
  readonly forShoppers: boolean;
  /** Refuses what is not valid, before anything happens. */
  readonly parse: (params: Params, id: string) => Run;
};

export type ProviderOptions = { readonly nowMs?: () => number; readonly webhooks?: Partial<WebhookLimits> };

export function openProvider(config: Config, options: ProviderOptions = {}): Provider {
  const nowMs = options.nowMs ?? Date.now;
  const database = openDatabase(config.databasePath);
  const ids = seededIds(config.seed, database);
  const clock = openClock(database, nowMs);
  const standings = openStandings(database);
  const store: Store = {
    paymentIntents: standings.following(openCollection(database, "payment_intents")),
    charges: openCollection(database, "charges"),
    refunds: openCollection(database, "refunds"),
    disputes: openCollection(database, "disputes"),
    events: openCollection(database, "events"),
    balanceTransactions: openCollection(database, "balance_transactions"),
    standings,
  };
  const { webhookUrl: url, webhookSecret: secret } = config;
  return {
    config,
    database,
    store,
    ids,
    nowMs,
    clock,
    timers: openTimers(database),
    idempotency: openIdempotency(database),
    failures: openFailures(database, ids, config.failures),
    scenarios: openScenarios(database),
    webhooks: openWebhooks({
      database,
      events: store.events,
      url,
      secret,
      nowMs,
      clock,
      limits: options.webhooks ?? {},
    }),
    baseUrl: "",
    jumped() {},
  };
}

/** Work that no request of the API asked for. */
export function ownWork(provider: Provider, requestId: string | undefined, clockMs: number): Work {
  return {
    provider,
    store: provider.store,
    operation: undefined,
    nowSeconds: Math.floor(provider.nowMs() / 1_000),
    clockMs,
    requestId,
    idempotencyKey: undefined,
    met: undefined,
  };
}
