import * as crypto from "node:crypto";
import { expect, test, vi } from "vitest";
import { isSameKey } from "./api-key.ts";

// The real function, with a note of what it is asked.
vi.mock("node:crypto", async (original) => {
  const real = await original<typeof crypto>();
  return { ...real, timingSafeEqual: vi.fn(real.timingSafeEqual) };
});

const key = "the-key-that-was-agreed-on";

test.each([
  ["the same", key, true],
  ["another", "the-key-that-was-agreed-oN", false],
  ["a part", "the-key", false],
  ["a longer one", `${key}s`, false],
  ["a very long one", "x".repeat(100_000), false],
  ["an empty one", "", false],
])("%s is compared in constant time, whatever its length", (_name, given, same) => {
  vi.mocked(crypto.timingSafeEqual).mockClear();
  expect(isSameKey(given, key)).toBe(same);
  const [compared, ...more] = vi.mocked(crypto.timingSafeEqual).mock.calls;
  expect(more).toEqual([]);
  expect(compared?.map((bytes) => bytes.byteLength)).toEqual([32, 32]);
});

test("no key, two keys, and a key that was never set are none", () => {
  expect(isSameKey(undefined, key)).toBe(false);
  expect(isSameKey([key, key], key)).toBe(false);
  expect(isSameKey(undefined, undefined)).toBe(false);
  expect(isSameKey("", undefined)).toBe(false);
});
