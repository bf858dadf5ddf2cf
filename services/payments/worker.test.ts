import { unrecordedTelemetry } from "@webstore/kit/testing";
import { expect, onTestFinished, test } from "vitest";
import { gated, silentLog } from "./testing-shop.ts";
import { inTraces, startWorker } from "./worker.ts";

const forEver = 3_600_000;

function worker(round: (time: number) => Promise<boolean>, is: { pollMs?: number; warn?: () => void } = {}) {
  const { pollMs = forEver, warn = () => {} } = is;
  let rounds = 0;
  const started = startWorker({
    name: "test",
    log: { ...silentLog, warn },
    pollMs,
    round: () => {
      rounds += 1;
      return round(rounds);
    },
  });
  onTestFinished(() => started.stop());
  return { ...started, rounds: () => rounds };
}

test("it works at once, goes on while a round is full, and then waits to be woken", async () => {
  const { rounds, wake } = worker(async (time) => time < 3);
  await expect.poll(rounds).toBe(3);
  wake();
  await expect.poll(rounds).toBe(4);
});

test("it looks by itself after a while", async () => {
  const { rounds } = worker(async () => false, { pollMs: 1 });
  await expect.poll(rounds).toBeGreaterThan(3);
});

test("a wake during a round is not lost", async () => {
  const slow = gated(async () => {}, "before");
  const { rounds, wake } = worker(async (time) => {
    if (time === 1) await slow.call();
    return false;
  });
  await slow.arrived;
  wake();
  slow.open();
  await expect.poll(rounds).toBe(2);
});

test("a round that fails is tried again, and said once", async () => {
  let said = 0;
  const fail = async (time: number) => {
    if (time < 3) throw new Error("the database is away");
    return false;
  };
  const { rounds } = worker(fail, { warn: () => (said += 1) });
  await expect.poll(rounds, { timeout: 10_000 }).toBe(3);
  expect(said).toBe(1);
});

test("stopping lets the round in hand finish, and no other begins", async () => {
  const slow = gated(async () => {}, "before");
  let finished = false;
  const { rounds, stop, wake } = worker(async () => {
    await slow.call();
    finished = true;
    return true;
  });
  await slow.arrived;
  const stopping = stop();
  wake();
  slow.open();
  await stopping;
  expect(finished).toBe(true);
  expect(rounds()).toBe(1);
});

test("all items are worked on, a few at a time, though one fails", async () => {
  let inHand = 0;
  let most = 0;
  const done: number[] = [];
  const items = Array.from({ length: 20 }, (_, index) => index);
  const is = { name: "test", telemetry: unrecordedTelemetry("test"), atOnce: 4 };
  const all = inTraces(items, is, async (item) => {
    inHand += 1;
    most = Math.max(most, inHand);
    await Promise.resolve();
    inHand -= 1;
    if (item === 3) throw new Error("mine");
    done.push(item);
  });
  await expect(all).rejects.toThrow("mine");
  expect(done).toHaveLength(19);
  expect(most).toBe(4);
});
