// The payments process.

import { openBreaker, run, service } from "@webstore/kit";
import { checkProduction, paymentsConfig } from "./config.ts";
import { payments } from "./definition.ts";
import { addGauges } from "./gauges.ts";
import { openTurns } from "./in-turn.ts";
import { openStores } from "./open-stores.ts";
import { stripeProvider } from "./provider.stripe.ts";
import { recentPayments } from "./recent-payments.ts";
import { rpc } from "./rpc.ts";
import { startWork } from "./work.ts";

const { partner, timeoutMs, breaker } = payments.partners.provider;

export const program = service(payments, {
  config: paymentsConfig,
  migrations: new URL("./migrations/", import.meta.url),
  start: async (process) => {
    const { config, telemetry, log, nowMs, newId, ports } = process;
    checkProduction(config);
    const { stop: stopRelay, ...stores } = await openStores(process);
    const { provider, close } = stripeProvider({
      url: config.PAYMENT_PROVIDER_URL,
      apiKey: config.STRIPE_API_KEY,
      timeoutMs,
      breaker: openBreaker(partner, breaker),
      telemetry,
      duration: telemetry.histogram("external.payment.provider.duration", { unit: "s" }),
    });
    const work = startWork({
      ...stores,
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
    });
    addGauges(process.gauge, work.parts);
    return {
      handlers: rpc(work.parts),
      stop: async () => {
        await work.stop();
        await stopRelay();
        await close();
      },
    };
  },
});

if (import.meta.main) await run(program);
