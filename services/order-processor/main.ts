// The order-processor's process: its parts put together.

import { run, service } from "@webstore/kit";
import { postgresAuditStore } from "./audit-store.postgres.ts";
import { config } from "./config.ts";
import { postgresDeadLetterStore, standingOf } from "./dead-letter-store.postgres.ts";
import { orderProcessor } from "./definition.ts";
import { deadLetterGauges } from "./gauges.ts";
import { processEvents } from "./process-events.ts";
import { startPruning } from "./prune-dead-letters.ts";
import { postgresRedriveQueue } from "./redrive-queue.postgres.ts";
import { startRedriver } from "./redriver.ts";
import { rpc } from "./rpc.ts";
import { sourcesWith, takeDeadLetters } from "./take-dead-letters.ts";

export const program = service(orderProcessor, {
  config,
  migrations: new URL("./migrations/", import.meta.url),
  start: async ({ config, ports, postgres, bus, log, telemetry, gauge, newId, nowMs }) => {
    const { KAFKA_GROUP_ID: group, KAFKA_TOPIC: topics, KAFKA_DLQ_TOPIC: deadLetterTopic } = config;
    const deadLetters = postgresDeadLetterStore(postgres);
    for (const { name, description, read } of deadLetterGauges(() => standingOf(postgres), nowMs)) {
      gauge(name, description, read);
    }
    const subscriptions = [
      ...(await takeDeadLetters({ bus, deadLetters, log, telemetry, nowMs }, sourcesWith(deadLetterTopic))),
      ...(await processEvents(
        { bus, log, telemetry, nowMs, ports: { ...ports, log } },
        { folder: new URL("./processors/", import.meta.url), topics, group, deadLetterTopic },
      )),
    ];
    // Last, for they go on by themselves: nothing behind them can fail the start.
    const redriver = startRedriver({ queue: postgresRedriveQueue(postgres), bus, log, nowMs });
    const endPruning = startPruning({ postgres, log, nowMs });
    return {
      handlers: rpc({
        deadLetters,
        audit: postgresAuditStore(postgres),
        topics: [...new Set([...orderProcessor.publishes, ...topics])],
        wakeRedriver: redriver.wake,
        nowMs,
        newId,
      }),
      ready: () => subscriptions.every((each) => each.ready()),
      stop: async () => {
        await Promise.all([...subscriptions.map((each) => each.stop()), redriver.stop(), endPruning()]);
      },
    };
  },
});

if (import.meta.main) await run(program);
