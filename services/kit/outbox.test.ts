import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openPostgresBus } from "./bus.postgres.ts";
import type { Bus, Event, Message } from "./bus.ts";
import { background, inContext } from "./context.ts";
import { MessageRefused } from "./event.ts";
import { openLog } from "./log.ts";
import { openOutbox, outboxMigrations, type Relay, startRelay } from "./outbox.ts";
import type { Postgres } from "./postgres.ts";
import { unrecordedTelemetry } from "./telemetry.ts";
import { freshSchema, useTestPostgres } from "./testing-postgres.ts";
import type { Write } from "./write.ts";

const log = openLog("test", { level: "silent" });
let ids = 0;
const newId = () => `00000000-0000-4000-8000-${String(++ids).padStart(12, "0")}`;
const outbox = openOutbox({ nowMs: () => Date.UTC(2026, 0, 2), newId });
const created = (key: string, n: number): Write =>
  outbox.publish({ topic: "order-events", key, name: "OrderCreated", data: { n } });
const numberOf = ({ value }: Message) =>
  (JSON.parse(Buffer.from(value).toString()) as Event<{ n: number }>).data.n;

let postgres: Postgres;
const relays: Relay[] = [];
beforeEach(async () => {
  postgres = await freshSchema(outboxMigrations, { poolMax: 8, applicationName: "outbox_test" });
});
afterEach(async () => {
  await Promise.all(relays.splice(0).map((relay) => relay.stop()));
  await postgres.close();
});

function relayTo(bus: Bus, is: { pollMs?: number; batchMax?: number } = {}): Relay {
  const relay = startRelay({ postgres, bus, log, pollMs: 60_000, spacingMs: 1, ...is });
  relays.push(relay);
  return relay;
}

/** A bus that keeps what it gets; the test decides how it answers. */
function recordingBus(answer: (messages: readonly Message[]) => Promise<void> = async () => {}) {
  const got: Message[] = [];
  const batches: number[] = [];
  const bus: Bus = {
    publish: async (messages) => {
      await answer(messages);
      got.push(...messages);
      batches.push(messages.length);
    },
    subscribe: () => Promise.reject(new Error("nobody subscribes here")),
    ready: () => true,
    close: async () => {},
  };
  return { bus, got, batches };
}

test("a Write that is not committed publishes nothing, and neither does one that is rolled back", async () => {
  const { bus, got } = recordingBus();
  created("o-1", 1);
  const fails: Write = [{ text: "select webstore_expect(false, 'order_moved')", values: [] }];
  await expect(postgres.commit(created("o-1", 2), fails)).rejects.toThrow("order_moved");
  await postgres.commit(created("o-1", 3));
  relayTo(bus);
  await vi.waitFor(() => expect(got.map(numberOf)).toEqual([3]));
});

test("the envelope has an id, a name, the data, the time and the trace it was published in", async () => {
  const { bus, got } = recordingBus();
  const span = unrecordedTelemetry("test").span("checkout", "server", undefined);
  await postgres.commit(inContext({ ...background, span }, () => created("o-1", 1)));
  const given = { id: "6f1c3a52-7c1e-4f0b-9d5a-0a4f6f4c2b11", traceparent: "" };
  await postgres.commit(
    outbox.publish({
      topic: "order-events",
      key: "o-1",
      name: "OrderCancelled",
      data: "naïve \u0000 ☕",
      ...given,
    }),
  );
  relayTo(bus);
  await vi.waitFor(() => expect(got).toHaveLength(2));
  expect(got[0]).toMatchObject({ topic: "order-events", key: "o-1", headers: {} });
  const [first, second] = got.map(({ value }) => JSON.parse(Buffer.from(value).toString()) as Event);
  expect(first).toEqual({
    id: expect.stringMatching(/^00000000-0000-4000-8000-/),
    name: "OrderCreated",
    data: { n: 1 },
    occurredAt: "2026-01-02T00:00:00.000Z",
    traceparent: span.traceparent,
  });
  expect(second).toMatchObject({ ...given, name: "OrderCancelled", data: "naïve \u0000 ☕" });
});

test("what no bus would take is refused before it is a Write", () => {
  expect(() => outbox.publish({ topic: "no topic", key: "k", name: "N", data: 1 })).toThrow(MessageRefused);
  expect(() => outbox.publish({ topic: "topic", key: "k\0", name: "N", data: 1 })).toThrow(MessageRefused);
  expect(() => outbox.publish({ topic: "topic", key: "k", name: "N", data: undefined })).toThrow(
    MessageRefused,
  );
});

test("a relay that is woken does not wait for its poll", async () => {
  const { bus, got } = recordingBus();
  const relay = relayTo(bus);
  for (let n = 0; n < 5; n++) {
    await postgres.commit(created("o-1", n));
    relay.wake();
    await vi.waitFor(() => expect(got).toHaveLength(n + 1));
  }
});

test("a relay that nobody wakes finds events by its poll", async () => {
  const { bus, got } = recordingBus();
  relayTo(bus, { pollMs: 20 });
  await postgres.commit(created("o-1", 1));
  await vi.waitFor(() => expect(got).toHaveLength(1));
});

test("events travel in batches, in order", async () => {
  const { bus, got, batches } = recordingBus();
  for (let n = 0; n < 250; n += 10) {
    await postgres.commit(...Array.from({ length: 10 }, (_, more) => created("o-1", n + more)));
  }
  relayTo(bus, { batchMax: 100 });
  await vi.waitFor(() => expect(got).toHaveLength(250));
  expect(batches).toEqual([100, 100, 50]);
  expect(got.map(numberOf)).toEqual(Array.from({ length: 250 }, (_, n) => n));
});

test("what the bus has not acknowledged stays, and is sent again in the same order", async () => {
  let failures = 3;
  const { bus, got } = recordingBus(async () => {
    if (failures-- > 0) throw new Error("the bus is down");
  });
  await postgres.commit(created("o-1", 1), created("o-1", 2));
  const relay = relayTo(bus);
  await vi.waitFor(async () => expect(await relay.backlog()).toMatchObject({ rows: 2 }));
  await vi.waitFor(() => expect(got.map(numberOf)).toEqual([1, 2]), { timeout: 5_000 });
  await vi.waitFor(async () => expect(await relay.backlog()).toEqual({ rows: 0, oldestAgeMs: 0 }));
});

test("an event that is committed late is not skipped", async () => {
  const { bus, got } = recordingBus();
  const relay = relayTo(bus);
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
  const inserted = Promise.withResolvers<void>();
  const [statement] = created("o-1", 1);
  const late = postgres.transaction(async (tx) => {
    await tx.query(statement?.text ?? "", statement?.values);
    inserted.resolve();
    await held;
  });
  await inserted.promise;
  await postgres.commit(created("o-2", 2));
  relay.wake();
  await vi.waitFor(() => expect(got.map(numberOf)).toEqual([2]));
  letGo();
  await late;
  relay.wake();
  await vi.waitFor(() => expect(got.map(numberOf)).toEqual([2, 1]));
});

test("of several relays one moves at a time, so that order holds and nothing is sent twice", async () => {
  let atOnce = 0;
  let atOnceMax = 0;
  const { bus, got } = recordingBus(async () => {
    atOnceMax = Math.max(atOnceMax, ++atOnce);
    await new Promise((resolve) => setImmediate(resolve));
    atOnce--;
  });
  const several = [1, 2, 3].map(() => relayTo(bus, { batchMax: 7 }));
  for (let n = 0; n < 100; n++) {
    await postgres.commit(created("o-1", n));
    several[n % 3]?.wake();
  }
  await vi.waitFor(() => expect(got).toHaveLength(100), { timeout: 5_000 });
  expect(got.map(numberOf)).toEqual(Array.from({ length: 100 }, (_, n) => n));
  expect(atOnceMax).toBe(1);
});

test("a relay that stops finishes the batch in hand and leaves the rest", async () => {
  const publishing = Promise.withResolvers<void>();
  const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
  const { bus, got } = recordingBus(async () => {
    publishing.resolve();
    await answered;
  });
  await postgres.commit(created("o-1", 1), created("o-1", 2), created("o-1", 3));
  const relay = relayTo(bus, { batchMax: 2 });
  await publishing.promise;
  const stopped = relay.stop();
  answer();
  await stopped;
  expect(got.map(numberOf)).toEqual([1, 2]);
  expect(await relay.backlog()).toMatchObject({ rows: 1 });
});

test("a relay survives that its connections are cut", async () => {
  const { bus, got } = recordingBus();
  const relay = relayTo(bus, { pollMs: 20 });
  await postgres.commit(created("o-1", 1));
  await vi.waitFor(() => expect(got).toHaveLength(1));
  const { url } = await useTestPostgres();
  const other = await freshSchema([], { url });
  await other.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where application_name = 'outbox_test'`,
  );
  await other.close();
  await vi.waitFor(() => postgres.commit(created("o-1", 2)), { timeout: 5_000 });
  relay.wake();
  await vi.waitFor(() => expect(got.map(numberOf).at(-1)).toBe(2), { timeout: 5_000 });
});

test("from commit to handler over the real bus: every event once, each key in order", async () => {
  const schema = await freshSchema();
  const { url } = await useTestPostgres();
  const bus = await openPostgresBus({ url, log, nowMs: Date.now, schema: schema.schema });
  const seen = new Map<string, number[]>();
  const subscription = await bus.subscribe({
    topic: "order-events",
    group: "test",
    handle: async (message) =>
      void seen.set(message.key, [...(seen.get(message.key) ?? []), numberOf(message)]),
  });
  const relay = relayTo(bus);
  await Promise.all(
    ["o-1", "o-2", "o-3", "o-4"].map(async (key) => {
      for (let n = 0; n < 25; n++) {
        await postgres.commit(created(key, n));
        relay.wake();
      }
    }),
  );
  const inOrder = Array.from({ length: 25 }, (_, n) => n);
  const all = Object.fromEntries(["o-1", "o-2", "o-3", "o-4"].map((key) => [key, inOrder]));
  await vi.waitFor(() => expect(Object.fromEntries(seen)).toEqual(all), { timeout: 5_000 });
  await subscription.stop();
  await bus.close();
  await schema.close();
});
