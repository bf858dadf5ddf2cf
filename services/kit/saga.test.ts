import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openLog } from "./log.ts";
import type { Postgres } from "./postgres.ts";
import { defineRefusals, Outage } from "./refusal.ts";
import { type AnySaga, saga } from "./saga.ts";
import { openSagaEngine } from "./saga-engine.ts";
import { describeVisit, visitSaga, visitsOf } from "./saga-harness.ts";
import { openJournal, sagaMigrations } from "./saga-journal.ts";
import { roundsMax } from "./saga-rounds.ts";
import { unrecordedTelemetry } from "./telemetry.ts";
import { freshSchema } from "./testing-postgres.ts";

const { refuse } = defineRefusals("test", {
  sold_out: { code: "FAILED_PRECONDITION", caller: "Sold out.", operator: "" },
  given_up: { code: "UNAVAILABLE", caller: "Given up.", operator: "" },
});

type Trip = { readonly tripId: string; readonly card: string };

/** Two partners that keep their promises: a booking is by its id, and a cancelled one can never be made. */
function partners() {
  const flights = new Map<string, "booked" | "cancelled">();
  const hotels = new Map<string, "booked" | "cancelled">();
  const keys: (string | undefined)[] = [];
  const desk = (bookings: Map<string, "booked" | "cancelled">) => ({
    async book(id: string) {
      if (bookings.get(id) === "cancelled") throw refuse("sold_out");
      bookings.set(id, "booked");
      return { id };
    },
    async cancel(id: string) {
      bookings.set(id, "cancelled");
    },
  });
  const standing = (id: string) => [flights, hotels].filter((each) => each.get(id) === "booked").length;
  return { flight: desk(flights), hotel: desk(hotels), keys, standing };
}
type Ports = Pick<ReturnType<typeof partners>, "flight" | "hotel">;

const trip = saga<Trip, Ports>("trip", {
  version: 1,
  secrets: ["card"],
  givenUp: () => refuse("given_up"),
})
  .step("flightBooking", {
    do: ({ input, flight }) => flight.book(input.tripId),
    undo: ({ input, flight }) => flight.cancel(input.tripId),
  })
  .write("note", {
    do: ({ input }) => [{ text: "insert into notes values ($1, 'open')", values: [input.tripId] }],
    undo: ({ input }) => [
      { text: "update notes set state = 'closed' where id = $1", values: [input.tripId] },
    ],
  })
  .step("hotelBooking", {
    do: ({ input, hotel }) => hotel.book(input.tripId),
    undo: ({ input, hotel }) => hotel.cancel(input.tripId),
  })
  .write("done", {
    do: ({ input }) => [{ text: "update notes set state = 'done' where id = $1", values: [input.tripId] }],
  });

const notes = { id: "0001-notes", sql: "create table notes (id uuid primary key, state text not null)" };

let postgres: Postgres;
beforeAll(async () => {
  postgres = await freshSchema([...sagaMigrations, notes]);
});
afterAll(() => postgres.close());

async function noteOf(id: string): Promise<string> {
  const [row] = await postgres.query<{ state: string }>("select state from notes where id = $1", [id]);
  return row?.state ?? "none";
}

function engineOf(ports: Ports, is: { owner?: string; leaseMs?: number; sagas?: readonly AnySaga[] } = {}) {
  const leaseMs = is.leaseMs ?? 60_000;
  return openSagaEngine<Ports>({
    journal: openJournal({ postgres, owner: is.owner ?? "here", leaseMs, key: "a key for tests" }),
    sagas: is.sagas ?? [trip as unknown as AnySaga],
    ports,
    log: openLog("test", { level: "silent" }),
    telemetry: unrecordedTelemetry("test"),
    leaseMs,
    random: () => 0,
    delayMs: async () => {},
  });
}

describe("every visit ends with all or nothing", () => {
  test.each(visitsOf(trip as unknown as AnySaga).map((visit) => [describeVisit(visit), visit] as const))(
    "%s",
    async (_, visit) => {
      const ports = partners();
      const input = { tripId: randomUUID(), card: "4242" };
      const { outcome, met } = await visitSaga(trip, { postgres, ports, input, visit });
      expect(met).toBe(true);
      if (outcome.status === "done") {
        expect([ports.standing(input.tripId), await noteOf(input.tripId)]).toEqual([2, "done"]);
      } else {
        expect(outcome.status).toBe("refused");
        expect(ports.standing(input.tripId)).toBe(0);
        expect(await noteOf(input.tripId)).toMatch(/none|closed/);
      }
    },
  );
});

test("succeeds with one commit to begin and one a write", async () => {
  const commits: string[] = [];
  const counted: Postgres = {
    ...postgres,
    commit: (...writes) => {
      commits.push("commit");
      return postgres.commit(...writes);
    },
  };
  const engine = openSagaEngine<Ports>({
    journal: openJournal({ postgres: counted, owner: "here", leaseMs: 60_000, key: "a key for tests" }),
    sagas: [trip as unknown as AnySaga],
    ports: partners(),
    log: openLog("test", { level: "silent" }),
    telemetry: unrecordedTelemetry("test"),
    leaseMs: 60_000,
    random: () => 0,
  });
  const id = randomUUID();
  await engine.begin(trip, { id, requestHash: "", input: { tripId: id, card: "4242" }, traceparent: "" });
  expect(await engine.settle(id, 5_000)).toEqual({ status: "done" });
  expect(commits.length).toBe(3);
  await engine.stop(0);
});

test("who waits in the process that makes the last write gets its answer, and nobody else", async () => {
  const counting = saga<{ from: number }, Ports>("counting", {
    version: 1,
    givenUp: () => refuse("given_up"),
  }).write("sum", {
    do: ({ input }) => [{ text: "select $1::int + 1 as sum", values: [input.from] }],
    answer: ([rows]) => (rows as { sum: number }[])[0]?.sum,
  });
  const engine = engineOf(partners(), { sagas: [counting as unknown as AnySaga] });
  const id = randomUUID();
  await engine.begin(counting, { id, requestHash: "", input: { from: 41 }, traceparent: "" });
  expect(await engine.settle(id, 5_000)).toEqual({ status: "done", answer: 42 });
  expect(await engine.settle(id, 5_000)).toEqual({ status: "done" });
  await engine.stop(0);
});

test("the same id with another request is told apart, and begins nothing", async () => {
  const engine = engineOf(partners());
  const id = randomUUID();
  const input = { tripId: id, card: "4242" };
  expect(await engine.begin(trip, { id, requestHash: "a", input, traceparent: "" })).toEqual({
    began: true,
    sameRequest: true,
  });
  expect(await engine.begin(trip, { id, requestHash: "a", input, traceparent: "" })).toEqual({
    began: false,
    sameRequest: true,
  });
  expect(await engine.begin(trip, { id, requestHash: "b", input, traceparent: "" })).toEqual({
    began: false,
    sameRequest: false,
  });
  await engine.stop(5_000);
});

test("a refusal is the outcome for whoever asks, and again after a restart", async () => {
  const ports = partners();
  const id = randomUUID();
  await ports.hotel.cancel(id);
  const engine = engineOf(ports);
  await engine.begin(trip, { id, requestHash: "", input: { tripId: id, card: "4242" }, traceparent: "" });
  const first = await engine.settle(id, 5_000);
  await engine.stop(0);
  const restarted = engineOf(ports, { owner: "other" });
  const again = await restarted.settle(id, 0);
  await restarted.stop(0);
  for (const outcome of [first, again])
    expect(outcome).toMatchObject({ status: "refused", refusal: { reason: "sold_out" } });
});

test("a secret is sealed while the saga runs, and forgotten when it has ended", async () => {
  const ports = partners();
  const id = randomUUID();
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const waits = {
    ...ports,
    hotel: { ...ports.hotel, book: (tripId: string) => held.then(() => ports.hotel.book(tripId)) },
  };
  const engine = engineOf(waits);
  const card = "4000000000009995";
  await engine.begin(trip, { id, requestHash: "", input: { tripId: id, card }, traceparent: "" });
  expect((await engine.find(id))?.input.card).toBe(card);
  const stored = async () =>
    JSON.stringify(
      await postgres.query(
        "select s::text as row, encode(secrets, 'escape') as sealed from sagas s where id = $1",
        [id],
      ),
    );
  expect(await stored()).not.toContain(card);
  release();
  await engine.settle(id, 5_000);
  expect(await postgres.query("select 1 from sagas where id = $1 and secrets is null", [id])).toHaveLength(1);
  expect(await stored()).not.toContain(card);
  await engine.stop(0);
});

test("an owner that was thought dead can commit nothing more", async () => {
  const journalOf = (owner: string, leaseMs: number) =>
    openJournal({ postgres, owner, leaseMs, key: "a key for tests" });
  const id = randomUUID();
  const any = trip as unknown as AnySaga;
  const slow = journalOf("slow", 1);
  const mine = await slow.begin({ id, saga: any, requestHash: "", input: { tripId: id }, traceparent: "" });
  if (mine === undefined) throw new Error("it did not begin");
  await expect
    .poll(async () => (await journalOf("other", 60_000).claim([any], 100)).map((each) => each.id))
    .toContain(id);
  const insert = [{ text: "insert into notes values ($1, 'open')", values: [id] }];
  const late = slow.advance(
    mine,
    { status: "running", position: 2, results: {}, refusal: undefined },
    insert,
  );
  await expect(late).rejects.toThrow("saga_fenced");
  expect(await noteOf(id)).toBe("none");
  const down = { to: mine, afterMs: 0, failed: false, waitingFor: "nobody" };
  await expect(slow.park(mine, down)).rejects.toThrow("saga_fenced");
  expect(await slow.find(id)).toMatchObject({ isPutDown: false, waitingFor: undefined });
});

test("an engine that stops hands over also what it was just about to take up", async () => {
  const id = randomUUID();
  const any = trip as unknown as AnySaga;
  const journalOf = (owner: string) =>
    openJournal({ postgres, owner, leaseMs: 60_000, key: "a key for tests" });
  const left = { id, saga: any, requestHash: "", input: { tripId: id }, traceparent: "" };
  await journalOf("gone").begin(left);
  await postgres.query("update sagas set lease_until = now() where id = $1", [id]);
  const claiming = Promise.withResolvers<void>();
  const mayClaim = Promise.withResolvers<void>();
  const journal = journalOf("stopping");
  const ports = partners();
  const engine = openSagaEngine<Ports>({
    journal: {
      ...journal,
      claim: async (...which) => {
        claiming.resolve();
        await mayClaim.promise;
        return journal.claim(...which);
      },
    },
    sagas: [any],
    ports: { ...ports, flight: { ...ports.flight, book: () => new Promise<never>(() => {}) } },
    log: openLog("test", { level: "silent" }),
    telemetry: unrecordedTelemetry("test"),
    leaseMs: 60_000,
    lookEveryMs: 1,
    random: () => 0,
  });
  await claiming.promise;
  const stopped = engine.stop(0);
  mayClaim.resolve();
  await stopped;
  const isFree = "select owner, lease_until <= now() as free from sagas where id = $1";
  expect(await postgres.query(isFree, [id])).toEqual([{ owner: "stopping", free: true }]);
});

test("an undo that does not succeed is parked, and after its rounds the saga is stuck", async () => {
  const ports = partners();
  const id = randomUUID();
  await ports.hotel.cancel(id);
  const broken = {
    ...ports,
    flight: { ...ports.flight, cancel: () => Promise.reject(new Outage("flight", "down")) },
  };
  const engine = engineOf(broken);
  await engine.begin(trip, { id, requestHash: "", input: { tripId: id, card: "4242" }, traceparent: "" });
  expect((await engine.settle(id, 0))?.status).toBe("unfinished");
  await expect.poll(async () => (await engine.find(id))?.attempts).toBe(1);
  await engine.stop(0);
  for (let round = 2; round <= roundsMax; round += 1) {
    await postgres.query("update sagas set lease_until = now() - interval '1 s' where id = $1", [id]);
    const next = engineOf(broken, { owner: `round ${round}`, leaseMs: 20 });
    await expect.poll(async () => (await next.find(id))?.attempts, { timeout: 5_000 }).toBe(round);
    await next.stop(0);
  }
  const [row] = await postgres.query<{ status: string; error: string }>(
    "select status, error from sagas where id = $1",
    [id],
  );
  expect(row?.status).toBe("stuck");
  expect(row?.error).toContain("undo of flightBooking");
});

test("a version that is not known here is left to those who know it", async () => {
  const journal = openJournal({ postgres, owner: "old", leaseMs: 1, key: "a key for tests" });
  const newer = { ...(trip as unknown as AnySaga), options: { ...trip.options, version: 2 } } as AnySaga;
  const id = randomUUID();
  await journal.begin({ id, saga: newer, requestHash: "", input: { tripId: id }, traceparent: "" });
  await expect.poll(async () => (await journal.claim([newer], 100)).map((each) => each.id)).toContain(id);
  await expect
    .poll(async () => (await journal.claim([trip as unknown as AnySaga], 100)).map((each) => each.id))
    .not.toContain(id);
});
