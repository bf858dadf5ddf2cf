import { expect, onTestFinished, test, vi } from "vitest";
import { type Database, openDatabase } from "./database.ts";

function openTestDatabase(): Database {
  const database = openDatabase(":memory:");
  onTestFinished(() => database.close());
  return database;
}

const never = () => false;

test("what is put off is done by the next transaction, before its own work", () => {
  const database = openTestDatabase();
  const done: string[] = [];
  database.later(() => done.push("put off"));
  expect(done).toEqual([]);
  database.transact(() => done.push("work"), never);
  database.transact(() => done.push("more work"), never);
  expect(done).toEqual(["put off", "work", "more work"]);
});

test("what is put off is done without another transaction, too", async () => {
  const database = openTestDatabase();
  const done: string[] = [];
  database.transact(() => database.later(() => done.push("put off")), never);
  await expect.poll(() => done).toEqual(["put off"]);
});

test("what a transaction put off that was undone is not done; what was put off before it is", () => {
  const database = openTestDatabase();
  const settings = () => database.prepare("SELECT name FROM settings ORDER BY name").all();
  const put = database.prepare("INSERT OR REPLACE INTO settings VALUES (?, '')");
  let lost = 0;
  database.onLost(() => {
    lost += 1;
  });
  database.later(() => put.run("before"));
  const broken = () =>
    database.transact(() => {
      database.later(() => put.run("of the one undone"));
      put.run("undone");
      throw new Error("a bug");
    }, never);
  expect(broken).toThrow("a bug");
  expect([settings(), lost]).toEqual([[], 1]);
  database.settle();
  expect(settings()).toEqual([{ name: "before" }]);
});

test("a number that was taken by a transaction that was undone is stored by the next", () => {
  const database = openTestDatabase();
  const broken = () =>
    database.transact(() => {
      database.next("ids");
      throw new Error("a bug");
    }, never);
  expect(broken).toThrow("a bug");
  const last = database.transact(() => database.next("ids"), never);
  const row = database.prepare("SELECT value FROM counters WHERE name = 'ids'").get();
  expect(Number(row?.value)).toBeGreaterThanOrEqual(last);
});

test("what is put off and cannot be done stays put off", async () => {
  const database = openTestDatabase();
  const complaint = vi.spyOn(console, "error").mockImplementation(() => {});
  onTestFinished(() => complaint.mockRestore());
  let tried = 0;
  database.later(() => {
    tried += 1;
    if (tried === 1) throw new Error("the disk is full");
  });
  database.settle();
  expect(complaint).toHaveBeenCalledOnce();
  await expect.poll(() => tried).toBe(2);
});
