// The orders process: its parts put together.

import { hostname } from "node:os";
import {
  openJournal,
  openSagaDesk,
  openSagaEngine,
  run,
  sagaMigrations,
  service,
  startConsumer,
} from "@webstore/kit";
import { cartClearDue } from "./cart-clear-due.ts";
import { config } from "./config.ts";
import { followups, orders } from "./definition.ts";
import { cancelOrderBefore, cancelOrderSaga } from "./execute-cancellation.ts";
import { orderCreated } from "./order-created.ts";
import { postgresOrderStore } from "./order-store.postgres.ts";
import { placeOrder, placeOrderBefore } from "./place-order.ts";
import { defaultPriceRules } from "./pricing.ts";
import { rpc } from "./rpc.ts";
import type { SagaPorts } from "./saga-ports.ts";

export const program = service(orders, {
  config,
  migrations: new URL("./migrations/", import.meta.url),
  kitMigrations: sagaMigrations,
  start: async ({
    config,
    ports,
    postgres,
    bus,
    outbox,
    wakeRelay,
    log,
    telemetry,
    newId,
    nowMs,
    random,
  }) => {
    const store = postgresOrderStore(postgres);
    const leaseMs = config.SAGA_LEASE_MS;
    const key = config.JOURNAL_KEY ?? config.INTERNAL_API_KEY ?? "";
    const journal = openJournal({ postgres, owner: `${hostname()}/${newId()}`, leaseMs, key });
    const sagaPorts: SagaPorts = { ...ports, store, outbox, nowMs };
    const all = [placeOrder, placeOrderBefore, cancelOrderSaga, cancelOrderBefore];
    const sagas = openSagaEngine({
      journal,
      sagas: all,
      ports: sagaPorts,
      log,
      telemetry,
      leaseMs,
      random,
    });
    const desk = openSagaDesk({ postgres, engine: sagas, sagas: all });
    const consumer = await startConsumer({
      bus,
      ...followups,
      processors: {
        OrderCreated: (event) => orderCreated(event, ports),
        CartClearDue: (event) => cartClearDue(event, ports),
      },
      ignoreUnknown: true,
      log,
      telemetry,
      nowMs,
    });
    return {
      handlers: rpc({ ...ports, store, sagas, desk, outbox, rules: defaultPriceRules, nowMs, wakeRelay }),
      ready: () => consumer.ready(),
      stop: async () => {
        await sagas.stop(config.DRAIN_GRACE_MS);
        await consumer.stop();
      },
    };
  },
});

if (import.meta.main) await run(program);
