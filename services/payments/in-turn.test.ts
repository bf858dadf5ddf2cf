import { expect, test } from "vitest";
import { openTurns } from "./in-turn.ts";
import { gated } from "./testing-shop.ts";

const done = async (value: string) => value;

test("what is done for one order waits for what is being done for it, and others do not wait", async () => {
  const inTurn = openTurns(Date.now);
  const first = gated(done, "before");
  const order: string[] = [];
  const one = inTurn("a", () => first.call("one")).then((value) => order.push(value));
  const two = inTurn("a", () => done("two")).then((value) => order.push(value));
  await inTurn("b", () => done("other")).then((value) => order.push(value));
  first.open();
  await Promise.all([one, two]);
  expect(order).toEqual(["other", "one", "two"]);
});

test("a failure is its own caller's, and the next is served", async () => {
  const inTurn = openTurns(Date.now);
  const failed = inTurn("a", () => Promise.reject(new Error("mine")));
  const next = inTurn("a", () => done("next"));
  await expect(failed).rejects.toThrow("mine");
  await expect(next).resolves.toBe("next");
});

test("a hundred may wait for one order, and no more", async () => {
  const inTurn = openTurns(Date.now);
  const first = gated(done, "before");
  const waiting = [inTurn("a", () => first.call("first"))];
  for (let count = 1; count < 100; count += 1) waiting.push(inTurn("a", () => done("waited")));
  await expect(inTurn("a", () => done("one too many"))).rejects.toMatchObject({
    name: "Outage",
    notSent: true,
  });
  first.open();
  expect(await Promise.all(waiting)).toHaveLength(100);
  await expect(inTurn("a", () => done("again"))).resolves.toBe("again");
});
