// When keys sign and when they are published.

import { expect, test } from "vitest";
import { accessTokenLifeMs, isKeyDue, publishedKeys, type SigningKey, signingKey } from "./signing-key.ts";

const minuteMs = 60_000;
const rotationMs = 2 * 24 * 60 * minuteMs;

const keyOf = (createTimeMs: number): SigningKey => ({
  keyId: `made at ${createTimeMs}`,
  publicJwk: {},
  sealedPrivateJwk: "",
  createTimeMs,
});

test("the first key signs at once", () => {
  const first = keyOf(0);
  expect(signingKey([first], 0)).toBe(first);
  expect(publishedKeys([first], 0)).toEqual([first]);
});

test("whatever is signed verifies for its whole life, with keys that were read 25 minutes before or a minute after", () => {
  // What each minute of two weeks sees: who signs, and what is published.
  let keys: SigningKey[] = [];
  const minutes: { signedBy: string; published: Set<string> }[] = [];
  for (let nowMs = 0; nowMs < 7 * rotationMs; nowMs += minuteMs) {
    if (isKeyDue(keys, nowMs, rotationMs)) keys = [keyOf(nowMs), ...keys].slice(0, 3);
    const published = new Set(publishedKeys(keys, nowMs).map(({ keyId }) => keyId));
    minutes.push({ signedBy: signingKey(keys, nowMs)?.keyId ?? "", published });
  }
  const lifeMinutes = accessTokenLifeMs / minuteMs;
  for (const [signedAt, { signedBy }] of minutes.entries()) {
    const readers = minutes.slice(Math.max(0, signedAt - 25), signedAt + lifeMinutes + 2);
    if (!readers.every(({ published }) => published.has(signedBy)))
      expect.fail(`${signedBy}, which signs in minute ${signedAt}, is not published long enough`);
  }
  expect(new Set(minutes.map(({ signedBy }) => signedBy)).size).toBe(7);
  expect(Math.max(...minutes.map(({ published }) => published.size))).toBe(2);
});

test("a key that signs no more is published for 50 minutes more and then not", () => {
  const [old, young] = [keyOf(0), keyOf(rotationMs)];
  const shown = (sinceMs: number) => publishedKeys([young, old], rotationMs + sinceMs).length;
  expect([shown(0), shown(49 * minuteMs), shown(50 * minuteMs)]).toEqual([2, 2, 1]);
});
