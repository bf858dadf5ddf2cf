import { openLog } from "@webstore/kit";
import { freshDatabase, unrecordedTelemetry } from "@webstore/kit/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { deadLetters } from "./definition.ts";
import { sourcesWith, takeDeadLetters } from "./take-dead-letters.ts";
import { letterMessage, openBus } from "./testing-desk.ts";

const wait = { timeout: 10_000, interval: 20 };
let database: Awaited<ReturnType<typeof freshDatabase>>;
let outside: Awaited<ReturnType<typeof openBus>>;
beforeAll(async () => {
  database = await freshDatabase();
  outside = await openBus(database.url);
});
afterAll(async () => {
  await outside?.running.stop();
  await database?.drop();
});

test("a letter that cannot be kept now comes again, and those behind it wait their turn", async () => {
  const { bus } = outside;
  const seen: bigint[] = [];
  let failures = 1;
  const keep = async ({ sourceOffset }: { sourceOffset: bigint }) => {
    seen.push(sourceOffset);
    if (failures-- > 0) throw new Error("the database is away");
  };
  const parts = { bus, log: openLog("test", { level: "silent" }), telemetry: unrecordedTelemetry("test") };
  const [subscription] = await takeDeadLetters({ ...parts, deadLetters: { keep }, nowMs: Date.now }, [
    { topic: "orders-dlq", group: "dead-letters" },
  ]);
  await bus.publish([letterMessage({ offset: 1 }), letterMessage({ offset: 2 })]);
  await expect.poll(() => subscription?.lag(), wait).toBe(0);
  expect(seen).toEqual([1n, 1n, 2n]);
  await subscription?.stop();
});

test("the configured topic is taken once, beside those where others leave theirs", () => {
  expect(sourcesWith("orders-dlq")).toEqual(deadLetters);
  expect(sourcesWith("berlin-dlq").map(({ topic }) => topic)).toEqual([
    "orders-dlq",
    "payment-topic-dlq",
    "berlin-dlq",
  ]);
});
