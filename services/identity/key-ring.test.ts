// The key ring over its stores: what is made when, and who may read it.

import { readFileSync } from "node:fs";
import { ConfigError } from "@webstore/kit";
import { freshSchema } from "@webstore/kit/testing";
import { decodeProtectedHeader, type JSONWebKeySet } from "jose";
import { beforeEach, describe, expect, test } from "vitest";
import { type KeyRing, openKeyRing } from "./key-ring.ts";
import { privateKeySeal } from "./private-key-seal.ts";
import { memorySigningKeyStore } from "./signing-key-store.memory.ts";
import { postgresSigningKeyStore } from "./signing-key-store.postgres.ts";
import type { SigningKeyStore } from "./signing-key-store.ts";
import { tokenIssuer } from "./token-issuer.ts";

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
const sql = readFileSync(new URL("./migrations/0001-identity.sql", import.meta.url), "utf8");

let nowMs: number;
let stale: unknown[];
beforeEach(() => {
  nowMs = Date.UTC(2030, 0, 1);
  stale = [];
});

const open = (store: SigningKeyStore, encryptionKey?: Buffer): Promise<KeyRing> =>
  openKeyRing({
    store,
    seal: privateKeySeal(encryptionKey),
    rotationMs: 30 * dayMs,
    nowMs: () => nowMs,
    onStale: (error) => stale.push(error),
  });

const publishedIds = async (ring: KeyRing): Promise<unknown[]> => {
  const { keys } = JSON.parse(await ring.jwks()) as JSONWebKeySet;
  return keys.map(({ kid }) => kid);
};

const signedWith = async (ring: KeyRing): Promise<unknown> => {
  const parts = { keys: ring, issuer: "i", audience: "a", nowMs: () => nowMs, newId: () => "id" };
  const { accessToken } = await tokenIssuer(parts)({ userId: "u", role: "user" });
  return decodeProtectedHeader(accessToken).kid;
};

function keyRingSuite(name: string, start: () => Promise<{ store: SigningKeyStore; stop(): Promise<void> }>) {
  describe(`the key ring ${name}`, () => {
    let store: SigningKeyStore;
    let stop: () => Promise<void>;
    beforeEach(async () => {
      ({ store, stop } = await start());
      return stop;
    });

    test("of eight processes that start at once, all sign with the same key", async () => {
      const rings = await Promise.all(Array.from({ length: 8 }, () => open(store)));
      expect(new Set(await Promise.all(rings.map(signedWith))).size).toBe(1);
      expect(await store.list()).toHaveLength(1);
    });

    test("of eight keys that are added at once when one is due, one stays", async () => {
      for (let round = 1; round <= 10; round += 1) {
        nowMs += dayMs;
        const keys = Array.from({ length: 8 }, (_, index) => ({
          keyId: `${round} ${index}`,
          publicJwk: {},
          sealedPrivateJwk: "",
          createTimeMs: nowMs,
        }));
        await Promise.all(keys.map((key) => store.addUnlessNewer(key, nowMs - dayMs)));
        const added = (await store.list()).filter(({ createTimeMs }) => createTimeMs === nowMs);
        expect(added).toHaveLength(1);
      }
    });

    test("a successor is published first and signs half an hour later, in every process", async () => {
      const [one, other] = [await open(store), await open(store)];
      const first = await signedWith(one);
      nowMs += 30 * dayMs;
      const both = await publishedIds(one);
      expect(both).toHaveLength(2);
      expect(await publishedIds(other)).toEqual(both);
      expect([await signedWith(one), await signedWith(other)]).toEqual([first, first]);

      nowMs += 30 * minuteMs;
      const second = await signedWith(one);
      expect(second).not.toBe(first);
      expect(await signedWith(other)).toBe(second);
      expect(await publishedIds(other)).toEqual([second, first]);

      nowMs += dayMs;
      expect(await publishedIds(other)).toEqual([second]);
    });

    test("years of rotation leave three keys", async () => {
      const ring = await open(store);
      for (let month = 0; month < 24; month += 1) {
        nowMs += 30 * dayMs;
        await signedWith(ring);
      }
      expect(await store.list()).toHaveLength(3);
    });
  });
}

keyRingSuite("in memory", async () => ({ store: memorySigningKeyStore(), stop: async () => {} }));
keyRingSuite("in Postgres", async () => {
  const postgres = await freshSchema([{ id: "0001-identity", sql }]);
  return { store: postgresSigningKeyStore(postgres), stop: () => postgres.close() };
});

test("a store that does not answer leaves the keys at hand in use", async () => {
  const store = memorySigningKeyStore();
  let down = false;
  const list = () => (down ? Promise.reject(new Error("down")) : store.list());
  const ring = await open({ ...store, list });
  const first = await signedWith(ring);
  down = true;
  nowMs += 2 * minuteMs;
  expect(await signedWith(ring)).toBe(first);
  expect(stale).toHaveLength(1);
  await expect(open({ ...store, list })).rejects.toThrow("down");
});

describe("a sealed private key", () => {
  const [key, otherKey] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
  const jwk = { kty: "EC", d: "the secret part" };

  test("is opened by the key that sealed it, and its text shows nothing", () => {
    const sealed = privateKeySeal(key).seal("id", jwk);
    expect(sealed).not.toContain(Buffer.from("the secret part").toString("base64url"));
    expect(sealed).not.toContain("secret");
    expect(privateKeySeal(key).open("id", sealed)).toEqual(jwk);
  });

  test.each([
    ["by another key", privateKeySeal(otherKey), "id", (sealed: string) => sealed],
    ["without a key", privateKeySeal(undefined), "id", (sealed: string) => sealed],
    ["under another id", privateKeySeal(key), "other", (sealed: string) => sealed],
    ["when it was changed", privateKeySeal(key), "id", (sealed: string) => `${sealed.slice(0, -2)}AA`],
    ["when it was cut", privateKeySeal(key), "id", (sealed: string) => sealed.slice(0, 30)],
  ])("is not opened %s", (_, seal, keyId, change) => {
    const sealed = privateKeySeal(key).seal("id", jwk);
    expect(() => seal.open(keyId, change(sealed))).toThrow(ConfigError);
  });

  test("that was written before there was an encryption key still opens", () => {
    const plain = privateKeySeal(undefined).seal("id", jwk);
    expect(privateKeySeal(key).open("id", plain)).toEqual(jwk);
  });
});
