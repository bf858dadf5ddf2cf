// The payments process.

import { openBreaker, run, service } from "@webstore/kit";
import { checkProduction, paymentsConfig } from "./config.ts";
import { payments } from "./definition.ts";
import { openTurns } from "./in-turn.ts";
import { postgresPaymentStore } from "./payment-store.postgres.ts";
import { stripeProvider } from "./provider.stripe.ts";
import { rpc } from "./rpc.ts";

const { partner, timeoutMs, breaker } = payments.partners.provider;

export const program = service(payments, {
  config: paymentsConfig,
  migrations: new URL("./migrations/", import.meta.url),
  start: async ({ postgres, outbox, wakeRelay, config, telemetry, nowMs, newId }) => {
    checkProduction(config);
    const { provider, close } = stripeProvider({
      url: config.PAYMENT_PROVIDER_URL,
      apiKey: config.STRIPE_API_KEY,
      timeoutMs,
      breaker: openBreaker(partner, breaker),
      telemetry,
      duration: telemetry.histogram("external.payment.provider.duration", { unit: "s" }),
    });
    return {
      handlers: rpc({
        store: postgresPaymentStore(postgres, outbox),
        provider,
        inTurn: openTurns(nowMs),
        nowMs,
        newId,
        processed: telemetry.counter("payments.processed"),
        wakeRelay,
      }),
      stop: close,
    };
  },
});

if (import.meta.main) await run(program);
