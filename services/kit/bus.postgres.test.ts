import { type AddressInfo, connect as connectTo, createServer, type Socket } from "node:net";
import { beforeAll, expect, test, vi } from "vitest";
import { type BusUnderTest, busContract, type Connected } from "./bus.contract.ts";
import { openPostgresBus, type PostgresBusOptions, partitionOf, sweep } from "./bus.postgres.ts";
import type { Message } from "./bus.ts";
import { openLog } from "./log.ts";
import { type Postgres, PostgresUnavailable } from "./postgres.ts";
import { freshSchema, useTestPostgres } from "./testing-postgres.ts";

const log = openLog("test", { level: "silent" });
const fast = { leaseMs: 600, pollMs: 50, pollRetryMs: 50, redeliverMs: 50, spacingMs: 5 };

let url: string;
beforeAll(async () => {
  ({ url } = await useTestPostgres());
});

/** A way to the server that can be cut like the life of a process. */
async function cuttable(
  target: URL,
): Promise<{ url: string; cut(): void; drop(): void; stall(): void; resume(): void }> {
  const sockets = new Set<Socket>();
  let isCut = false;
  const server = createServer((socket) => {
    const through = connectTo(Number(target.port), target.hostname);
    for (const each of [socket, through]) {
      sockets.add(each);
      each.on("error", () => {});
      each.on("close", () => {
        sockets.delete(each);
        socket.destroy();
        through.destroy();
      });
    }
    if (isCut) return void socket.destroy();
    socket.pipe(through).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const way = new URL(target);
  way.hostname = "127.0.0.1";
  way.port = String((server.address() as AddressInfo).port);
  /** Ends what is connected; what connects afterwards gets through. */
  const drop = () => {
    for (const socket of sockets) socket.destroy();
  };
  const cut = () => {
    isCut = true;
    server.close();
    drop();
  };
  /** Nobody gets through, until it resumes. */
  const stall = () => {
    isCut = true;
  };
  const resume = () => {
    isCut = false;
  };
  return { url: way.href, cut, drop, stall, resume };
}

async function openStore(
  options: Partial<PostgresBusOptions> = {},
): Promise<BusUnderTest & { postgres: Postgres }> {
  const postgres = await freshSchema();
  const opened: (() => Promise<void>)[] = [];
  const connect = async (): Promise<Connected> => {
    const way = await cuttable(new URL(url));
    const common = { log, nowMs: Date.now, schema: postgres.schema, ...fast };
    const bus = await openPostgresBus({ ...common, ...options, url: way.url });
    opened.push(async () => {
      await bus.close();
      way.cut();
    });
    return { bus, kill: way.cut };
  };
  const close = async () => {
    await Promise.all(opened.map((end) => end()));
    await postgres.close();
  };
  return { postgres, connect, close };
}

busContract("the bus on Postgres", openStore);

const message = (key: string, text = key): Message => ({
  topic: "t",
  key,
  value: Buffer.from(text),
  headers: {},
});

test("a key has the same partition for ever", () => {
  // The first three are published test values of FNV-1a: 811c9dc5, e40c292c, bf9cf968.
  const keys = ["", "a", "foobar", "order-1", "☕", "0af76519-16cd-43dd-8448-eb211c80319c"];
  expect(keys.map((key) => partitionOf(key, 8))).toEqual([5, 4, 0, 5, 6, 5]);
});

test("keys spread over all partitions", () => {
  const counts = new Map<number, number>();
  for (let n = 0; n < 8_000; n++) {
    const partition = partitionOf(`order-${n}`, 8);
    counts.set(partition, (counts.get(partition) ?? 0) + 1);
  }
  expect(counts.size).toBe(8);
  expect(Math.min(...counts.values())).toBeGreaterThan(700);
});

test("a topic keeps its number of partitions when it is opened with another", async () => {
  const store = await openStore({ partitions: 2 });
  const { bus } = await store.connect();
  await bus.publish([message("a")]);
  const other = await openPostgresBus({
    url,
    log,
    nowMs: Date.now,
    schema: store.postgres.schema,
    partitions: 16,
  });
  await other.publish(Array.from({ length: 50 }, (_, n) => message(`order-${n}`)));
  const rows = await store.postgres.query("select distinct partition from messages order by partition");
  expect(rows).toEqual([{ partition: 0 }, { partition: 1 }]);
  await other.close();
  await store.close();
});

test("partitions that go to a new member are given up after the message in hand", async () => {
  const store = await openStore({ partitions: 4 });
  const [first, second] = [await store.connect(), await store.connect()];
  const members = () =>
    store.postgres.query<{ n: number }>(
      "select count(*)::int as n from claims where member is not null group by member",
    );
  const one = await first.bus.subscribe({ topic: "t", group: "g", handle: async () => {} });
  expect(await members()).toEqual([{ n: 4 }]);
  const two = await second.bus.subscribe({ topic: "t", group: "g", handle: async () => {} });
  await vi.waitFor(async () => expect(await members()).toEqual([{ n: 2 }, { n: 2 }]), { timeout: 5_000 });
  await one.stop();
  await vi.waitFor(async () => expect(await members()).toEqual([{ n: 4 }]), { timeout: 5_000 });
  await two.stop();
  expect(await members()).toEqual([]);
  await store.close();
});

test("a member that rests between two looks stops at once, and what it has done is committed", async () => {
  const store = await openStore({ partitions: 1, spacingMs: 600_000 });
  const { bus } = await store.connect();
  await bus.publish([message("a", "1"), message("a", "2")]);
  const { promise: handled, resolve } = Promise.withResolvers<void>();
  const subscription = await bus.subscribe({
    topic: "t",
    group: "g",
    handle: async ({ value }) => {
      if (Buffer.from(value).toString() === "2") resolve();
    },
  });
  await handled;
  await subscription.stop();
  expect(await store.postgres.query("select next_offset, member is null as free from claims")).toEqual([
    { next_offset: 2n, free: true },
  ]);
  await store.close();
});

test("what several workers do while a member rests is committed together", async () => {
  const store = await openStore({ partitions: 8, spacingMs: 600_000, leaseMs: 600_000 });
  const { bus } = await store.connect();
  await bus.publish(["a", "b", "c", "d"].map((key) => message(key)));
  const finish = new Map<string, () => void>();
  const subscription = await bus.subscribe({
    topic: "t",
    group: "g",
    handle: ({ key }) => new Promise((resolve) => finish.set(key, resolve)),
  });
  await vi.waitFor(() => expect(finish.size).toBe(4));
  await store.postgres.query("create table progress (at timestamptz)");
  await store.postgres.query(
    `create function note_progress() returns trigger language plpgsql as
     'begin insert into ${store.postgres.schema}.progress values (now()); return null; end'`,
  );
  await store.postgres.query(
    "create trigger noted after update of next_offset on claims for each statement execute function note_progress()",
  );
  for (const end of finish.values()) {
    end();
    // Time enough for whoever would commit each by itself.
    for (let look = 0; look < 20; look += 1) await store.postgres.query("select 1");
  }
  await subscription.stop();
  expect(await store.postgres.query("select count(*)::int as commits from progress")).toEqual([
    { commits: 1 },
  ]);
  await store.close();
});

test.each([
  ["another member has", "member = gen_random_uuid(), fence = fence + 1"],
  ["it has got back under a new fence", "fence = fence + 1"],
])("a member commits nothing on a claim that %s", async (_, taken) => {
  const store = await openStore({ partitions: 1, leaseMs: 60_000, pollMs: 60_000 });
  const { bus } = await store.connect();
  const begun = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const handled: string[] = [];
  await bus.publish([message("a", "1"), message("a", "2")]);
  const subscription = await bus.subscribe({
    topic: "t",
    group: "g",
    handle: async ({ value }) => {
      handled.push(Buffer.from(value).toString());
      begun.resolve();
      await finish.promise;
    },
  });
  await begun.promise;
  // As another member does after the lease has ended, which this one has slept through.
  await store.postgres.query(`update claims set ${taken}`);
  finish.resolve();
  await subscription.stop();
  const rows = await store.postgres.query("select next_offset, member is null as free from claims");
  expect(rows).toEqual([{ next_offset: 0n, free: false }]);
  expect(handled[0]).toBe("1");
  await store.close();
});

test("publishers take partitions in one order, so that they cannot wait for each other", async () => {
  const store = await openStore({ partitions: 8 });
  const { bus } = await store.connect();
  const keys = ["a", "b", "c", "d", "e", "f", "g", "h"].sort((a, b) => partitionOf(b, 8) - partitionOf(a, 8));
  expect(new Set(keys.map((key) => partitionOf(key, 8))).size).toBe(8);
  // Moves the counter of partition 4 behind the others, so that they do not lie in order by chance.
  await bus.publish([message("a")]);
  let publishing: Promise<void> | undefined;
  await store.postgres.transaction(async (tx) => {
    const [self] = await tx.query<{ pid: number }>("select pg_backend_pid() as pid");
    await tx.query("select 1 from partitions where partition = 5 for update");
    publishing = bus.publish(keys.map((key) => message(key)));
    await vi.waitFor(async () => {
      const waiting = await store.postgres.query(
        "select 1 from pg_stat_activity where $1 = any(pg_blocking_pids(pid))",
        [self?.pid],
      );
      expect(waiting).toHaveLength(1);
    });
    const free = await store.postgres.query<{ partition: number }>(
      "select partition from partitions for update skip locked",
    );
    expect(free.map(({ partition }) => partition).sort()).toEqual([6, 7]);
  });
  await publishing;
  await store.close();
});

test("without notifications messages are found by looking", async () => {
  const store = await openStore();
  const { bus } = await store.connect();
  const seen: string[] = [];
  await bus.subscribe({ topic: "t", group: "g", handle: async ({ key }) => void seen.push(key) });
  await store.postgres.transaction(async (tx) => {
    const [row] = await tx.query<{ first: bigint }>(
      "update partitions set next_offset = next_offset + 1 where partition = 3 returning next_offset - 1 as first",
    );
    await tx.query("insert into messages values ('t', 3, $1, 'silent', '', '{}', now())", [row?.first]);
  });
  await vi.waitFor(() => expect(seen).toEqual(["silent"]), { timeout: 5_000 });
  await store.close();
});

test("a bus that loses its connections works again, and loses no message", async () => {
  const store = await openStore();
  const way = await cuttable(new URL(url));
  const bus = await openPostgresBus({
    log,
    nowMs: Date.now,
    schema: store.postgres.schema,
    ...fast,
    url: way.url,
  });
  const seen: string[] = [];
  const handle = async ({ key }: Message) => void seen.push(key);
  const subscription = await bus.subscribe({ topic: "t", group: "g", handle });
  for (const key of ["once", "twice", "thrice"]) {
    way.drop();
    await vi.waitFor(() => bus.publish([message(key)]), { timeout: 5_000 });
    await vi.waitFor(() => expect(seen).toContain(key), { timeout: 5_000 });
  }
  await vi.waitFor(() => expect(bus.ready() && subscription.ready()).toBe(true), { timeout: 5_000 });
  await bus.close();
  way.cut();
  await store.close();
});

test("a bus without its database is not ready, refuses to publish, and closes all the same", async () => {
  const store = await openStore();
  const { bus, kill } = await store.connect();
  const subscription = await bus.subscribe({ topic: "t", group: "g", handle: async () => {} });
  kill();
  await expect(bus.publish([message("a")])).rejects.toThrow("Postgres");
  expect(bus.ready()).toBe(false);
  expect(subscription.ready()).toBe(false);
  await store.close();
});

test("messages are deleted when every group has consumed them and they are a week old", async () => {
  const store = await openStore();
  const { bus } = await store.connect();
  const day = 86_400_000;
  const left = async () => (await store.postgres.query("select 1 from messages where topic = 't'")).length;
  await bus.publish(Array.from({ length: 20 }, (_, n) => message(`order-${n}`)));
  const hold = Promise.withResolvers<void>();
  const quick = await bus.subscribe({ topic: "t", group: "quick", handle: async () => {} });
  const slow = await bus.subscribe({ topic: "t", group: "slow", handle: () => hold.promise });
  await vi.waitFor(async () => expect(await quick.lag()).toBe(0), { timeout: 5_000 });
  expect(await sweep(store.postgres, Date.now() + 8 * day)).toBe(0);
  hold.resolve();
  await vi.waitFor(async () => expect(await slow.lag()).toBe(0), { timeout: 5_000 });
  expect(await sweep(store.postgres, Date.now() + 6 * day)).toBe(0);
  expect(await left()).toBe(20);
  expect(await sweep(store.postgres, Date.now() + 8 * day)).toBe(20);
  expect(await quick.lag()).toBe(0);
  await store.close();
});

test("on a topic that nobody reads messages stay for thirty days", async () => {
  const store = await openStore();
  const { bus } = await store.connect();
  const day = 86_400_000;
  await bus.publish([message("a")]);
  expect(await sweep(store.postgres, Date.now() + 29 * day)).toBe(0);
  expect(await sweep(store.postgres, Date.now() + 31 * day)).toBe(1);
  await store.close();
});

test("many buses are opened on an empty database at once", async () => {
  const postgres = await freshSchema();
  const open = () => openPostgresBus({ url, log, nowMs: Date.now, schema: postgres.schema });
  const buses = await Promise.all([open(), open(), open(), open()]);
  await Promise.all(buses.map((bus) => bus.publish([message("a")])));
  expect(await postgres.query("select count(*)::int as n from messages")).toEqual([{ n: 4 }]);
  await Promise.all(buses.map((bus) => bus.close()));
  await postgres.close();
});

test("the first connection is tried again after 1, 2, 4, 8 and 16 seconds, and then given up", async () => {
  const gone = await cuttable(new URL(url));
  gone.cut();
  const waitsMs: number[] = [];
  const delayMs = async (ms: number) => void waitsMs.push(ms);
  const opening = openPostgresBus({ url: gone.url, log, nowMs: Date.now, delayMs });
  await expect(opening).rejects.toThrow(PostgresUnavailable);
  expect(waitsMs).toEqual([1_000, 2_000, 4_000, 8_000, 16_000]);
});

test("a server that comes while the bus waits for it is used", async () => {
  const schema = await freshSchema();
  const way = await cuttable(new URL(url));
  way.stall();
  const waitsMs: number[] = [];
  const bus = await openPostgresBus({
    url: way.url,
    log,
    nowMs: Date.now,
    schema: schema.schema,
    delayMs: async (ms) => {
      if (waitsMs.push(ms) === 2) way.resume();
    },
  });
  expect(waitsMs).toEqual([1_000, 2_000]);
  await bus.publish([message("a")]);
  await bus.close();
  way.cut();
  await schema.close();
});

test("what no waiting mends is not waited for", async () => {
  const waitsMs: number[] = [];
  const delayMs = async (ms: number) => void waitsMs.push(ms);
  const schema = await freshSchema([{ id: "0001-bus", sql: "select 1" }]);
  const opening = openPostgresBus({ url, log, nowMs: Date.now, delayMs, schema: schema.schema });
  await expect(opening).rejects.toThrow("was changed after it was applied");
  expect(waitsMs).toEqual([]);
  await schema.close();
});
