import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Running } from "@webstore/simulator";
import { type Client, clientOf, spawnSimulator, temporaryFolder } from "@webstore/simulator/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { reservationListAnswer, stockListAnswer } from "./api.ts";
import { migrations } from "./inventory-store.ts";
import { start } from "./main.ts";

let folder: ReturnType<typeof temporaryFolder>;
let running: Running;
let client: Client;

const settings = () => ({ INVENTORY_PORT: "0", DATA_DIR: folder.path, INVENTORY_DEFAULT_STOCK: "1000" });

beforeEach(async () => {
  folder = temporaryFolder();
  running = await start(settings());
  client = clientOf(running.urls.http ?? "");
});

afterEach(async () => {
  await running.stop();
  folder.remove();
});

const line = (product_id: string, quantity: number) => ({ product_id, quantity });
const reserve = (id: string, lines: unknown, by = client) => by("PUT", `/v1/reservations/${id}`, { lines });
const release = (id: string) => client("DELETE", `/v1/reservations/${id}`);
const setStock = (id: string, available: unknown) => client("PUT", `/v1/stock/${id}`, { available });

async function stock(id: string, by = client): Promise<{ available: number; reserved: number }> {
  const [entry] = stockListAnswer.parse((await by("GET", `/v1/stock?product_ids=${id}`)).body).stock;
  return { available: entry?.available ?? -1, reserved: entry?.reserved ?? -1 };
}

test("a product never heard of has the default stock", async () => {
  expect(await stock("mug")).toEqual({ available: 1_000, reserved: 0 });
  await reserve("order-1", [line("mug", 3)]);
  expect(await stock("mug")).toEqual({ available: 997, reserved: 3 });
});

test("a reservation takes its lines and can be read back", async () => {
  const reply = await reserve("order-1", [line("mug", 3), line("cup", 1)]);
  expect(reply).toMatchObject({ status: 201, body: { reservation_id: "order-1", status: "reserved" } });
  const read = await client("GET", "/v1/reservations/order-1");
  expect(read).toMatchObject({ status: 200, body: reply.body });
  const both = await client("GET", "/v1/stock?product_ids=cup,mug,cup");
  expect(both.body).toEqual({
    stock: [
      { product_id: "cup", available: 999, reserved: 1 },
      { product_id: "mug", available: 997, reserved: 3 },
    ],
  });
});

test("repeating a reservation, in any order of lines, gives the same answer and takes nothing more", async () => {
  const first = await reserve("order-1", [line("mug", 3), line("cup", 1)]);
  const again = await reserve("order-1", [line("cup", 1), line("mug", 3)]);
  expect(again).toMatchObject({ status: 200, body: first.body });
  expect(await stock("mug")).toEqual({ available: 997, reserved: 3 });
});

test("the same id with other lines is a conflict and changes nothing", async () => {
  await reserve("order-1", [line("mug", 3)]);
  const reply = await reserve("order-1", [line("mug", 4)]);
  expect(reply).toMatchObject({ status: 409, body: { reason: "reservation_conflict" } });
  expect(await stock("mug")).toEqual({ available: 997, reserved: 3 });
});

test("all lines are taken or none", async () => {
  await setStock("cup", 1);
  await setStock("pan", 0);
  const reply = await reserve("order-1", [line("mug", 1), line("cup", 2), line("pan", 1)]);
  expect(reply).toMatchObject({ status: 409, body: { reason: "out_of_stock", product_ids: ["cup", "pan"] } });
  expect(await stock("mug")).toEqual({ available: 1_000, reserved: 0 });
  expect(await client("GET", "/v1/reservations/order-1")).toMatchObject({ status: 404 });
});

test("an id that was out of stock can be reserved when there is stock", async () => {
  await setStock("cup", 1);
  expect(await reserve("order-1", [line("cup", 2)])).toMatchObject({ status: 409 });
  await setStock("cup", 2);
  expect(await reserve("order-1", [line("cup", 2)])).toMatchObject({ status: 201 });
});

test("a release gives the stock back, once", async () => {
  await reserve("order-1", [line("mug", 3)]);
  const first = await release("order-1");
  expect(first).toMatchObject({ status: 200, body: { reservation_id: "order-1", status: "released" } });
  expect(await release("order-1")).toMatchObject({ status: 200, body: first.body });
  expect(await stock("mug")).toEqual({ available: 1_000, reserved: 0 });
});

test("a released reservation stays released", async () => {
  await reserve("order-1", [line("mug", 3)]);
  await release("order-1");
  const reply = await reserve("order-1", [line("mug", 3)]);
  expect(reply).toMatchObject({ status: 409, body: { reason: "reservation_released" } });
  expect(await stock("mug")).toEqual({ available: 1_000, reserved: 0 });
});

test("a reserve that arrives after its own release takes nothing", async () => {
  expect(await release("order-1")).toMatchObject({ status: 200, body: { status: "released", lines: [] } });
  const reply = await reserve("order-1", [line("mug", 3)]);
  expect(reply).toMatchObject({ status: 409, body: { reason: "reservation_released" } });
  expect(await stock("mug")).toEqual({ available: 1_000, reserved: 0 });
});

test("fifty at once do not get more than the last ten units", async () => {
  await setStock("mug", 10);
  const replies = await Promise.all(
    Array.from({ length: 50 }, (_, index) => reserve(`order-${index}`, [line("cup", 1), line("mug", 1)])),
  );
  const statuses = replies.map((reply) => reply.status);
  expect(statuses.filter((status) => status === 201)).toHaveLength(10);
  expect(statuses.filter((status) => status === 409)).toHaveLength(40);
  expect(await stock("mug")).toEqual({ available: 0, reserved: 10 });
  expect(await stock("cup")).toEqual({ available: 990, reserved: 10 });
});

test("twenty at once with one id reserve once", async () => {
  const replies = await Promise.all(Array.from({ length: 20 }, () => reserve("order-1", [line("mug", 2)])));
  expect(replies.filter((reply) => reply.status === 201)).toHaveLength(1);
  expect(replies.filter((reply) => reply.status === 200)).toHaveLength(19);
  expect(await stock("mug")).toEqual({ available: 998, reserved: 2 });
});

test("reservations are listed by status, page by page", async () => {
  for (const id of ["d", "b", "e", "a", "c"]) await reserve(id, [line("mug", 1)]);
  await release("c");
  const page = async (query: string) =>
    reservationListAnswer.parse((await client("GET", `/v1/reservations?${query}`)).body);
  const ids = (list: { reservations: { reservation_id: string }[] }) =>
    list.reservations.map((reservation) => reservation.reservation_id);

  const first = await page("status=reserved&limit=3");
  expect(ids(first)).toEqual(["a", "b", "d"]);
  expect(first.next_after).toBe("d");
  const second = await page(`status=reserved&limit=3&after=${first.next_after}`);
  expect(ids(second)).toEqual(["e"]);
  expect(second.next_after).toBe("");
  expect(ids(await page("status=released"))).toEqual(["c"]);
  expect(ids(await page("limit=5"))).toEqual(["a", "b", "c", "d", "e"]);
});

test.each([
  ["a negative quantity", [line("mug", -1)]],
  ["a quantity of 0", [line("mug", 0)]],
  ["half a unit", [line("mug", 1.5)]],
  ["a quantity in words", [{ product_id: "mug", quantity: "1" }]],
  ["a quantity past all limits", [line("mug", 1e15)]],
  ["no lines", []],
  ["101 lines", Array.from({ length: 101 }, (_, index) => line(`mug-${index}`, 1))],
  ["a product twice", [line("mug", 1), line("mug", 1)]],
  ["an unknown field", [{ product_id: "mug", quantity: 1, price: 1 }]],
  ["a product id that is a path", [line("../mug", 1)]],
  ["a product id that is too long", [line("m".repeat(65), 1)]],
  ["lines that are no list", "mug"],
])("a reservation with %s is refused and changes nothing", async (_what, lines) => {
  const reply = await reserve("order-1", lines);
  expect(reply).toMatchObject({ status: 400, body: { reason: "invalid_request" } });
  expect(await client("GET", "/v1/reservations/order-1")).toMatchObject({ status: 404 });
  expect(await stock("mug")).toEqual({ available: 1_000, reserved: 0 });
});

test("a 10 MiB reservation is refused and changes nothing", async () => {
  const reply = await reserve("order-1", [line("m".repeat(10 * 1024 * 1024), 1)]);
  expect(reply).toMatchObject({ status: 413, body: { reason: "body_too_large" } });
  expect(await client("GET", "/v1/reservations/order-1")).toMatchObject({ status: 404 });
});

test.each(["/v1/reservations/..%2f..", "/v1/reservations/a%00b", `/v1/reservations/${"a".repeat(65)}`])(
  "the reservation id in %s is refused",
  async (path) => {
    const reply = await client("PUT", path, { lines: [line("mug", 1)] });
    expect(reply).toMatchObject({ status: 400, body: { reason: "invalid_request" } });
  },
);

test.each([
  "/v1/stock",
  "/v1/stock?product_ids=",
  "/v1/stock?product_ids=a,,b",
  `/v1/stock?product_ids=${Array.from({ length: 101 }, (_, index) => index).join(",")}`,
  "/v1/reservations?limit=0",
  "/v1/reservations?limit=101",
  "/v1/reservations?limit=-1",
  "/v1/reservations?limit=ten",
  "/v1/reservations?status=lost",
  "/v1/reservations?offset=1",
])("the query %s is refused", async (path) => {
  expect(await client("GET", path)).toMatchObject({ status: 400, body: { reason: "invalid_request" } });
});

test.each([-1, 0.5, "10", null, 1e12])("a stock of %j is refused", async (available) => {
  expect(await setStock("mug", available)).toMatchObject({ status: 400 });
  expect(await stock("mug")).toEqual({ available: 1_000, reserved: 0 });
});

test("a reserve whose answer was lost stands, and its repeat says so", async () => {
  await client("POST", "/admin/scenarios", { do: "processed_then_timeout", match: { method: "PUT" } });
  const lost = client(
    "PUT",
    "/v1/reservations/order-1",
    { lines: [line("mug", 2)] },
    { signal: AbortSignal.timeout(200) },
  );
  await expect(lost).rejects.toThrow();
  expect(await reserve("order-1", [line("mug", 2)])).toMatchObject({ status: 200 });
  expect(await stock("mug")).toEqual({ available: 998, reserved: 2 });
});

test("equal seeds give equal failures from the documented table", async () => {
  const statuses = async (seed: string) => {
    const other = temporaryFolder();
    const failing = await start({
      ...settings(),
      DATA_DIR: other.path,
      FAILURES: "table",
      INVENTORY_SEED: seed,
    });
    const by = clientOf(failing.urls.http ?? "");
    const all: number[] = [];
    for (let count = 0; count < 150; count += 1) {
      all.push((await by("GET", "/v1/stock?product_ids=mug")).status);
    }
    await failing.stop();
    other.remove();
    return all;
  };
  const first = await statuses("5");
  expect(await statuses("5")).toEqual(first);
  expect(await statuses("6")).not.toEqual(first);
  expect(first.filter((status) => status !== 200).length).toBeGreaterThan(3);
  expect(new Set(first).difference(new Set([200, 400, 404, 500, 503])).size).toBe(0);
});

test("10 % of requests fail by the documented table, each of its codes alike", async () => {
  const other = temporaryFolder();
  const failing = await start({ ...settings(), DATA_DIR: other.path, FAILURES: "table" });
  const by = clientOf(failing.urls.http ?? "");
  expect((await by("GET", "/admin/failures")).body).toEqual({ rate: 0.1, codes: [400, 404, 500, 503] });
  const failed: number[] = [];
  for (let i = 0; i < 1_500; i += 1) {
    const { status } = await by("GET", "/v1/stock?product_ids=mug");
    if (status !== 200) failed.push(status);
  }
  expect(failed.length / 1_500).toBeGreaterThan(0.08);
  expect(failed.length / 1_500).toBeLessThan(0.12);
  expect([...new Set(failed)].sort()).toEqual([400, 404, 500, 503]);
  await failing.stop();
  other.remove();
});

test("state outlives a stop", async () => {
  await reserve("order-1", [line("mug", 3)]);
  await running.stop();
  running = await start(settings());
  client = clientOf(running.urls.http ?? "");
  expect(await stock("mug")).toEqual({ available: 997, reserved: 3 });
  expect(await reserve("order-1", [line("mug", 3)])).toMatchObject({ status: 200 });
});

const main = join(import.meta.dirname, "main.ts");

/** Eight callers reserve until the process is gone; gives the ids that were answered. */
async function reserveUntilGone(by: Client, onAnswer: (count: number) => void): Promise<string[]> {
  const answered: string[] = [];
  const caller = async (): Promise<void> => {
    for (;;) {
      const id = randomUUID();
      const reply = await reserve(id, [line("mug", 2), line("cup", 1)], by).catch(() => undefined);
      if (reply === undefined) return;
      answered.push(id);
      onAnswer(answered.length);
    }
  };
  await Promise.all(Array.from({ length: 8 }, caller));
  return answered;
}

test("a file of the first version is taken over", async () => {
  const other = temporaryFolder();
  const old = new DatabaseSync(join(other.path, "inventory.sqlite"));
  old.exec(migrations[0] ?? "");
  old.exec("PRAGMA user_version = 1");
  const insert = old.prepare("INSERT INTO reservations VALUES (?, ?, '[]', '2026-01-01T00:00:00.000Z')");
  for (const [id, status] of Object.entries({ a: "released", b: "reserved", c: "released" })) {
    insert.run(id, status);
  }
  old.close();

  const taking = await start({ ...settings(), DATA_DIR: other.path });
  const idsOf = async (status: string) => {
    const reply = await clientOf(taking.urls.http ?? "")("GET", `/v1/reservations?status=${status}`);
    return reservationListAnswer.parse(reply.body).reservations.map((one) => one.reservation_id);
  };
  expect([await idsOf("released"), await idsOf("reserved")]).toEqual([["a", "c"], ["b"]]);
  await taking.stop();
  other.remove();
});

test("after SIGKILL in the middle of reserves, what was answered stands and the stock adds up", async () => {
  const other = temporaryFolder();
  const env = { INVENTORY_PORT: "0", DATA_DIR: other.path, INVENTORY_DEFAULT_STOCK: "1000000" };
  const answered: string[] = [];
  for (let round = 1; round <= 3; round += 1) {
    const process = await spawnSimulator(main, env);
    const killAt = 40 * round;
    let killed: Promise<number | null> | undefined;
    const ids = await reserveUntilGone(clientOf(process.url), (count) => {
      if (count === killAt) killed = process.end("SIGKILL");
    });
    answered.push(...ids);
    await killed;
  }

  const process = await spawnSimulator(main, env);
  const by = clientOf(process.url);
  const standing = new Set<string>();
  let after: string | undefined;
  while (after !== "") {
    const query = `status=reserved&limit=100${after === undefined ? "" : `&after=${after}`}`;
    const page = reservationListAnswer.parse((await by("GET", `/v1/reservations?${query}`)).body);
    for (const reservation of page.reservations) standing.add(reservation.reservation_id);
    after = page.next_after;
  }
  expect(answered.filter((id) => !standing.has(id))).toEqual([]);
  expect(await stock("mug", by)).toEqual({
    available: 1_000_000 - 2 * standing.size,
    reserved: 2 * standing.size,
  });
  expect(await stock("cup", by)).toEqual({ available: 1_000_000 - standing.size, reserved: standing.size });
  expect(await process.end("SIGTERM")).toBe(0);
  other.remove();
});
