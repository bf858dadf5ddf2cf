// The notifications process.

import { delay, run, service, startConsumer } from "@webstore/kit";
import { checkProduction, type MailTarget, notificationsConfig } from "./config.ts";
import { group, notifications } from "./definition.ts";
import { addGauges } from "./gauges.ts";
import { consoleTransport } from "./mail-transport.console.ts";
import { smtpTransport } from "./mail-transport.smtp.ts";
import type { MailTransport } from "./mail-transport.ts";
import { ignored, orderProcessors, paymentProcessors } from "./note-event.ts";
import { postgresNotificationStore } from "./notification-store.postgres.ts";
import { productNames } from "./product-names.ts";
import { rpc } from "./rpc.ts";
import { dropNotification, sendNotification } from "./send-notification.ts";
import { inHandMax, startSender } from "./sender.ts";

const lookEveryMs = 1_000;

export const program = service(notifications, {
  config: notificationsConfig,
  migrations: new URL("./migrations/", import.meta.url),
  start: async ({ config, postgres, ports, bus, gauge, log, telemetry, nowMs }) => {
    checkProduction(config);
    const store = postgresNotificationStore(postgres);
    addGauges(gauge, { store, nowMs });
    const transport = transportTo(config.MAIL_URL);
    const from = config.MAIL_FROM;
    const sendParts = { ...ports, namesOf: productNames(ports), store, from, nowMs, delayMs: delay, log };
    const sender = startSender({
      store,
      send: (notification, leaseUntilMs) =>
        transport === undefined
          ? dropNotification(notification, { store, nowMs })
          : sendNotification(notification, leaseUntilMs, { ...sendParts, transport }),
      leaseMs: config.MAIL_LEASE_MS,
      lookEveryMs,
      nowMs,
      delayMs: delay,
      telemetry,
      log,
    });
    const noteParts = { store, commit: postgres.commit, sender, nowMs, log };
    const common = { bus, group, log, telemetry, nowMs };
    const consumers = await Promise.all([
      startConsumer({
        ...common,
        topic: "order-events",
        processors: orderProcessors(noteParts),
        ignore: ignored.orders,
      }),
      startConsumer({
        ...common,
        topic: "payment-topic",
        processors: paymentProcessors(noteParts),
        ignore: ignored.payments,
      }),
    ]);
    return {
      handlers: rpc({ store, wakeSender: sender.wake, nowMs }),
      ready: () => consumers.every((consumer) => consumer.ready()),
      stop: async () => {
        await Promise.all(consumers.map((consumer) => consumer.stop()));
        await sender.stop(config.DRAIN_GRACE_MS);
        transport?.close();
      },
    };
  },
});

function transportTo(target: MailTarget): MailTransport | undefined {
  if (target.kind === "none") return undefined;
  if (target.kind === "console") return consoleTransport((text) => process.stdout.write(text));
  return smtpTransport(target, { connectionsMax: inHandMax });
}

if (import.meta.main) await run(program);
