// The ledger process: its parts put together.

import { run, service, whole } from "@webstore/kit";
import { z } from "zod";
import { startBooking } from "./book-events.ts";
import { ledger } from "./definition.ts";
import { postgresEntryStore } from "./entry-store.postgres.ts";
import { registerGauges } from "./gauges.ts";
import { startReconciling } from "./reconcile-on-schedule.ts";
import { postgresReconciliationStore } from "./reconciliation-store.postgres.ts";
import { rpc } from "./rpc.ts";
import { openReconciler, runMaxMs } from "./run-reconciliation.ts";

const config = z.object({
  RECONCILE_EVERY_MS: whole(900_000, 0, 86_400_000).describe(
    "How often orders, payments, books and provider are compared; 0: only when asked.",
  ),
});

export const program = service(ledger, {
  config,
  migrations: new URL("./migrations/", import.meta.url),
  start: async ({ config, ports, postgres, bus, gauge, log, telemetry, nowMs, newId, random }) => {
    const store = postgresEntryStore(postgres);
    const reconciliations = postgresReconciliationStore(postgres);
    const everyMs = config.RECONCILE_EVERY_MS;
    const reconciler = openReconciler({
      ports,
      store,
      reconciliations,
      log,
      nowMs,
      newId,
      random,
      runMaxMs: everyMs === 0 ? runMaxMs : Math.min(everyMs, runMaxMs),
    });
    registerGauges({ gauge, store, reconciliations, nowMs });
    const booking = await startBooking({ store, postgres, bus, log, telemetry, nowMs });
    const stopReconciling =
      everyMs === 0
        ? async () => {}
        : await startReconciling({ everyMs, reconciler, turns: reconciliations, log, nowMs });
    return {
      handlers: rpc({ store, reconciler }),
      ready: booking.ready,
      stop: async () => {
        await Promise.all([stopReconciling(), reconciler.stop()]);
        await booking.stop();
      },
    };
  },
});

if (import.meta.main) await run(program);
