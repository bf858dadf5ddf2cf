// What the process prints: mails for a developer, and log lines. Neither names an address.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { consoleTransport } from "./mail-transport.console.ts";
import { eventOf, orderData } from "./testing-notifications.ts";
import { openSurroundings, type Surroundings } from "./testing-service.ts";

const main = fileURLToPath(new URL("./main.ts", import.meta.url));
const soon = { timeout: 20_000 };

let world: Surroundings;
beforeAll(async () => {
  world = await openSurroundings();
});
afterAll(() => world?.close());

function startProcess(env: Record<string, string>) {
  const child = spawn(process.execPath, [main], {
    env: { ...world.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const printed: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (part: Buffer) => printed.push(part));
  const exited = once(child, "exit");
  return {
    printed: () => Buffer.concat(printed).toString(),
    stop: async () => {
      child.kill("SIGTERM");
      await exited;
    },
  };
}

test("the console's mails are a block each, readable, for a masked address", async () => {
  const written: string[] = [];
  const transport = consoleTransport((text) => written.push(text));
  const mail = {
    messageId: "<id@shop.example>",
    from: { name: "WebStore", address: "orders@shop.example" },
    to: "ada@example.com",
    subject: "Your order is paid",
    text: "Hello ada,\n\nthank you.\n",
    html: "<p>Hello</p>",
    date: new Date(0),
  };
  await transport.send(mail, new AbortController().signal);
  expect(written).toHaveLength(1);
  const lines = (written[0] ?? "").split("\n");
  expect(lines.slice(1, -2)).toEqual([
    "From: WebStore",
    "To: a***@example.com",
    "Subject: Your order is paid",
    "",
    "Hello ada,",
    "",
    "thank you.",
  ]);
});

test("by default mails are printed", { timeout: 60_000 }, async () => {
  const { MAIL_URL: _, ...env } = world.env;
  const running = startProcess({ ...env, MAIL_URL: "", LOG_LEVEL: "info" });
  const data = orderData();
  await world.publish("order-events", [eventOf("OrderCreated", data)]);
  await expect.poll(running.printed, soon).toContain(`Order ${data.orderId}\n─`);
  await running.stop();
  expect(running.printed()).toContain("2 × Blue mug, $12.49 each: $24.98");
  expect(running.printed()).toContain("To: a***@example.com");
  expect(running.printed()).not.toContain("ada@example.com");
});

test("a store without mails prints none and sends none, and lists them all the same", {
  timeout: 60_000,
}, async () => {
  const running = startProcess({ MAIL_URL: "none:", LOG_LEVEL: "info" });
  const data = orderData();
  await world.publish("order-events", [eventOf("OrderCreated", data)]);
  const sent = "select 1 from notifications.notifications where order_id = $1 and status = 'sent'";
  await expect.poll(() => world.sql(sent, [data.orderId]).catch(() => []), soon).toHaveLength(1);
  await running.stop();
  expect(running.printed()).not.toMatch(/Blue mug/);
  expect(world.mailServer.received()).toBe(0);
});

test("however much is logged, and whatever goes wrong, no line names an address or says a word of a mail", {
  timeout: 60_000,
}, async () => {
  world.mailServer.next("busy", "lose", "rejected", "refuse");
  const running = startProcess({ LOG_LEVEL: "trace" });
  const events = Array.from({ length: 3 }, () => eventOf("OrderCreated", orderData()));
  await world.publish("order-events", [...events, eventOf("OrderCreated", { email: "ada@example.com" })]);
  const failed = "select 1 from notifications.notifications where status = 'failed'";
  await expect.poll(() => world.sql(failed), soon).toHaveLength(2);
  await expect.poll(running.printed, soon).toContain("a message became a dead letter");
  await running.stop();
  expect(running.printed()).toMatch(/a mail was given up[\s\S]*a mail was given up/);
  expect(running.printed()).not.toMatch(/\bada\b|Blue mug|Thank you/);
});
