// A store whose configuration is wrong, with secrets in it: it says what is wrong, and not what was given.

import type { Scan } from "./canary-scan.ts";
import { bearer, card, keys, passwords } from "./canary-secrets.ts";
import { type Environment, openStoreRun } from "./run-store.ts";

/** Nobody listens there. */
const nowhere = `postgres://webstore:${encodeURIComponent(passwords.registered)}@127.0.0.1:1/postgres`;

const wrong: readonly (readonly [service: string, env: Environment])[] = [
  ["payments", { STRIPE_API_KEY: bearer, STRIPE_WEBHOOK_SECRET: `${keys.webhook} ${keys.webhook}` }],
  ["orders", { JOURNAL_KEY: "canary", INTERNAL_API_KEY: keys.internal.repeat(20) }],
  ["gateway", { PAYMENT_UPDATES_API_KEY: keys.paymentUpdates.repeat(20), APP_PORT: card.plain }],
  ["identity", { IDENTITY_KEY_ENCRYPTION_KEY: `${keys.signingKeys}${keys.journal}` }],
  ["notifications", { MAIL_URL: `smtp://ada:${passwords.wrong}@localhost:2525/${keys.stripe}` }],
  [
    "ledger",
    {
      OTEL_EXPORTER_OTLP_HEADERS: keys.collector,
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://ada:${bearer}@127.0.0.1:1`,
      RPC_PORT: bearer,
    },
  ],
  ["cart", {}],
];

/** Gives which services started all the same: none may. */
export async function tryMisconfigured(scan: Scan): Promise<string[]> {
  const run = await openStoreRun({ LOG_LEVEL: "debug", DATABASE_URL: nowhere });
  try {
    const ended = await Promise.all(wrong.map(([service, env]) => run.startAndEnd([service], env)));
    for (const { stdout, stderr } of ended) scan.text("misconfigured", `${stdout}\n${stderr}`);
    return wrong.filter((_, index) => ended[index]?.code === 0).map(([service]) => service);
  } finally {
    await run.close();
  }
}
