import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Running } from "@webstore/simulator";
import { type Client, clientOf, spawnSimulator, temporaryFolder } from "@webstore/simulator/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { activityListAnswer } from "./api.ts";
import { migrations } from "./crm-store.ts";
import { start } from "./main.ts";

let folder: ReturnType<typeof temporaryFolder>;
let running: Running;
let client: Client;

beforeEach(async () => {
  folder = temporaryFolder();
  running = await start({ CRM_PORT: "0", DATA_DIR: folder.path });
  client = clientOf(running.urls.http ?? "");
});

afterEach(async () => {
  await running.stop();
  folder.remove();
});

const placed = (more: object = {}) => ({
  activity_id: randomUUID(),
  type: "order_placed",
  order_id: "order-1",
  amount_minor: 25_00,
  currency: "USD",
  occurred_at: "2026-01-02T03:04:05.000Z",
  ...more,
});
const put = (id: string, profile: unknown) => client("PUT", `/v1/customers/${id}`, profile);
const record = (id: string, activity: unknown, by = client) =>
  by("POST", `/v1/customers/${id}/activities`, activity);

async function activitiesOf(id: string, query = "", by = client) {
  return activityListAnswer.parse((await by("GET", `/v1/customers/${id}/activities${query}`)).body);
}

test("a profile is stored, replaced and read", async () => {
  const created = await put("ada", { name: "Ada Lovelace", email: "ada@example.com", country: "UK" });
  expect(created).toMatchObject({ status: 201, body: { customer_id: "ada", name: "Ada Lovelace" } });
  const replaced = await put("ada", { name: "Ada 李 O’Neil" });
  expect(replaced).toMatchObject({ status: 200, body: { name: "Ada 李 O’Neil" } });
  expect(replaced.body).not.toHaveProperty("email");
  expect(await client("GET", "/v1/customers/ada")).toMatchObject({ status: 200, body: replaced.body });
});

test("a customer never heard of is not found", async () => {
  expect(await client("GET", "/v1/customers/bob")).toMatchObject({
    status: 404,
    body: { reason: "not_found" },
  });
  expect(await client("GET", "/v1/customers/bob/activities")).toMatchObject({ status: 404 });
});

test("an activity is recorded once, however often it is sent", async () => {
  await put("ada", { name: "Ada" });
  const activity = placed();
  const first = await record("ada", activity);
  expect(first).toMatchObject({ status: 201, body: { ...activity, customer_id: "ada" } });
  const again = await Promise.all(Array.from({ length: 10 }, () => record("ada", activity)));
  for (const reply of again) expect(reply).toMatchObject({ status: 200, body: first.body });
  expect((await activitiesOf("ada")).activities).toEqual([first.body]);
});

test("an activity id with other content, or for another customer, is a conflict", async () => {
  const activity = placed();
  await record("ada", activity);
  const conflict = { status: 409, body: { reason: "activity_conflict" } };
  expect(await record("ada", { ...activity, amount_minor: 1 })).toMatchObject(conflict);
  expect(await record("bob", activity)).toMatchObject(conflict);
  expect((await activitiesOf("ada")).activities).toHaveLength(1);
  expect(await client("GET", "/v1/customers/bob")).toMatchObject({ status: 404 });
});

test("an activity that comes before its customer's profile opens the customer", async () => {
  expect(await record("ada", placed())).toMatchObject({ status: 201 });
  expect(await client("GET", "/v1/customers/ada")).toMatchObject({ status: 200 });
  expect(await put("ada", { name: "Ada" })).toMatchObject({ status: 200, body: { name: "Ada" } });
});

test("activities are listed in the order of recording, page by page", async () => {
  const sent = Array.from({ length: 5 }, () => placed());
  for (const activity of sent) {
    await record("ada", activity);
    await record("bob", placed());
  }
  const ids = sent.map((activity) => activity.activity_id);
  const first = await activitiesOf("ada", "?limit=3");
  expect(first.activities.map((activity) => activity.activity_id)).toEqual(ids.slice(0, 3));
  const second = await activitiesOf("ada", `?limit=3&after=${first.next_after}`);
  expect(second.activities.map((activity) => activity.activity_id)).toEqual(ids.slice(3));
  expect(second.next_after).toBe("");
});

test.each([
  ["a negative amount", { amount_minor: -1 }],
  ["a fraction of a minor unit", { amount_minor: 0.5 }],
  ["an amount past exact integers", { amount_minor: 2 ** 53 }],
  ["an amount in words", { amount_minor: "25.00" }],
  ["an amount without a currency", { currency: undefined }],
  ["a currency without an amount", { amount_minor: undefined }],
  ["a currency that is none", { currency: "usd" }],
  ["a type that is not listed", { type: "order_eaten" }],
  ["an id that is no UUID", { activity_id: "1" }],
  ["a time that is none", { occurred_at: "yesterday" }],
  ["an unknown field", { card: "4242424242424242" }],
])("an activity with %s is refused and changes nothing", async (_what, more) => {
  const reply = await record("ada", placed(more));
  expect(reply).toMatchObject({ status: 400, body: { reason: "invalid_request" } });
  expect(JSON.stringify(reply.body)).not.toContain("4242424242424242");
  expect(await client("GET", "/v1/customers/ada")).toMatchObject({ status: 404 });
});

test.each([
  ["an unknown field", { role: "admin" }],
  ["an address that is none", { email: "ada" }],
  ["a country in words", { country: "Britain" }],
  ["an empty name", { name: "" }],
  ["a name that is too long", { name: "a".repeat(201) }],
  ["a name with a control character", { name: "a\u0000b" }],
  ["a name with a broken character", { name: "a\ud800" }],
])("a profile with %s is refused and changes nothing", async (_what, profile) => {
  expect(await put("ada", profile)).toMatchObject({ status: 400, body: { reason: "invalid_request" } });
  expect(await client("GET", "/v1/customers/ada")).toMatchObject({ status: 404 });
});

test.each(["?limit=0", "?limit=1000", "?after=x", `?after=${randomUUID()}`])(
  "the page %s is refused",
  async (query) => {
    await put("ada", {});
    const reply = await client("GET", `/v1/customers/ada/activities${query}`);
    expect(reply).toMatchObject({ status: 400, body: { reason: "invalid_request" } });
  },
);

test("8 % of requests fail by the documented table, each of its codes alike", async () => {
  const other = temporaryFolder();
  const failing = await start({ CRM_PORT: "0", DATA_DIR: other.path, FAILURES: "table" });
  const by = clientOf(failing.urls.http ?? "");
  expect((await by("GET", "/admin/failures")).body).toEqual({ rate: 0.08, codes: [400, 404, 500, 503] });
  const injected = new Map<number, number>();
  for (let i = 0; i < 1_500; i += 1) {
    const { status, body } = await by("GET", "/v1/customers/nobody");
    const { reason } = body as { reason: string };
    if (reason === "injected_failure") injected.set(status, (injected.get(status) ?? 0) + 1);
  }
  const share = [...injected.values()].reduce((sum, count) => sum + count, 0) / 1_500;
  expect(share).toBeGreaterThan(0.06);
  expect(share).toBeLessThan(0.1);
  expect([...injected.keys()].sort()).toEqual([400, 404, 500, 503]);
  await failing.stop();
  other.remove();
});

test("a file of the first version is taken over, with the order of its activities", async () => {
  const other = temporaryFolder();
  const old = new DatabaseSync(join(other.path, "crm.sqlite"));
  old.exec(migrations[0] ?? "");
  old.exec(`PRAGMA user_version = 1;
    INSERT INTO customers VALUES ('ada', '{}', '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z')`);
  const sent = [placed(), placed()];
  const insert = old.prepare("INSERT INTO activities VALUES (?, ?, 'ada', ?, '2026-01-01T00:00:00.000Z')");
  for (const [index, one] of sent.entries()) insert.run(5 + index, one.activity_id, JSON.stringify(one));
  old.close();

  const taking = await start({ CRM_PORT: "0", DATA_DIR: other.path });
  const by = clientOf(taking.urls.http ?? "");
  const more = placed();
  await record("ada", more, by);
  expect(await record("ada", sent[0], by)).toMatchObject({ status: 200 });
  const { activities } = await activitiesOf("ada", "", by);
  expect(activities.map((one) => one.activity_id)).toEqual([...sent, more].map((one) => one.activity_id));
  await taking.stop();
  other.remove();
});

test("what was answered outlives SIGKILL", async () => {
  const other = temporaryFolder();
  const main = join(import.meta.dirname, "main.ts");
  const env = { CRM_PORT: "0", DATA_DIR: other.path };
  const sent = Array.from({ length: 20 }, () => placed());
  const before = await spawnSimulator(main, env);
  for (const activity of sent) await record("ada", activity, clientOf(before.url));
  await before.end("SIGKILL");

  const after = await spawnSimulator(main, env);
  const by = clientOf(after.url);
  const { activities } = await activitiesOf("ada", "", by);
  expect(activities.map((activity) => activity.activity_id)).toEqual(
    sent.map((activity) => activity.activity_id),
  );
  expect(await record("ada", sent[0], by)).toMatchObject({ status: 200 });
  expect(await after.end("SIGTERM")).toBe(0);
  other.remove();
});
