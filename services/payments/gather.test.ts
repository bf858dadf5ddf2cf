import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { gathered } from "./gather.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Doubles numbers, and refuses those above a hundred. */
function doubling() {
  const works: (readonly number[])[] = [];
  const double = gathered({
    waitMs: 20,
    itemsMax: 3,
    work: async (items: readonly number[]) => {
      works.push(items);
      if (items.some((item) => item > 100)) throw new Error("too large");
      return items.map((item) => 2 * item);
    },
  });
  return { double, works };
}

test("what comes within the time is one piece of work, and each gets its own result", async () => {
  const { double, works } = doubling();
  const first = double(1);
  await vi.advanceTimersByTimeAsync(19);
  const second = double(2);
  expect(works).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(works).toEqual([[1, 2]]);
  expect(await Promise.all([first, second])).toEqual([2, 4]);
});

test("as many as fit begin at once, and the next wait their own time", async () => {
  const { double, works } = doubling();
  const all = [1, 2, 3, 4].map(double);
  expect(works).toEqual([[1, 2, 3]]);
  await vi.advanceTimersByTimeAsync(20);
  expect(works).toEqual([[1, 2, 3], [4]]);
  expect(await Promise.all(all)).toEqual([2, 4, 6, 8]);
});

test("an error is that of all whose work it was, and of nobody else", async () => {
  const { double } = doubling();
  const failing = Promise.allSettled([double(1), double(101)]);
  await vi.advanceTimersByTimeAsync(20);
  expect((await failing).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  const next = double(5);
  await vi.advanceTimersByTimeAsync(20);
  expect(await next).toBe(10);
});
