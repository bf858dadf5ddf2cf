import { expect, test } from "vitest";
import { withoutStacks } from "./without-stacks.ts";

const lines = (error: Error) => (error.stack ?? "").split("\n").length;

test("errors have no stack while the work begins, and have it again afterwards, also when it throws", async () => {
  const { within, later } = withoutStacks(() => ({
    within: new Error("within"),
    later: Promise.resolve().then(() => new Error("later")),
  }));
  expect(lines(within)).toBe(1);
  expect(lines(await later)).toBeGreaterThan(1);
  const thrown = () =>
    withoutStacks(() => {
      throw new TypeError("thrown");
    });
  expect(thrown).toThrow(TypeError);
  expect(lines(new Error("after"))).toBeGreaterThan(1);
});
