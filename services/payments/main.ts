// The payments process.

import { openBreaker, run, service } from "@webstore/kit";
import { checkProduction, paymentsConfig } from "./config.ts";
import { payments } from "./definition.ts";
import { addGauges } from "./gauges.ts";
import { openTurns } from "./in-turn.ts";
import { postgresNotificationStore } from "./notification-store.postgres.ts";
import { postgresPaymentStore } from "./payment-store.postgres.ts";
import { stripeProvider } from "./provider.stripe.ts";
import { postgresProviderEventStore } from "./provider-event-store.postgres.ts";
import { recentPayments } from "./recent-payments.ts";
import { rpc } from "./rpc.ts";
import { startWork } from "./work.ts";

const { partner, timeoutMs, breaker } = payments.partners.provider;

export const program = service(payments, {
  config: paymentsConfig,
  migrations: new URL("./migrations/", import.meta.url),
  start: async (process) => {
    const { postgres, outbox, wakeRelay, config, telemetry, log, nowMs, newId, ports } = process;
    checkProduction(config);
    const { provider, close } = stripeProvider({
      url: config.PAYMENT_PROVIDER_URL,
      apiKey: config.STRIPE_API_KEY,
      timeoutMs,
      breaker: openBreaker(partner, breaker),
      telemetry,
      duration: telemetry.histogram("external.payment.provider.duration", { unit: "s" }),
    });
    const work = startWork({
      store: postgresPaymentStore(postgres, outbox),
      events: postgresProviderEventStore(postgres),
      notifications: postgresNotificationStore(postgres),
      webhookSecrets: config.STRIPE_WEBHOOK_SECRET,
      provider,
      orders: ports.orders,
      inTurn: openTurns(nowMs),
      recent: recentPayments(nowMs),
      log,
      telemetry,
      nowMs,
      newId,
      processed: telemetry.counter("payments.processed"),
      resolutions: telemetry.counter("payments.resolutions"),
      received: telemetry.counter("payments.provider.events"),
      isAnswer: true,
      sweepEveryMs: config.PROVIDER_EVENTS_EVERY_MS,
      wakeRelay,
    });
    addGauges(process.gauge, work.parts);
    return {
      handlers: rpc(work.parts),
      stop: async () => {
        await work.stop();
        await close();
      },
    };
  },
});

if (import.meta.main) await run(program);
