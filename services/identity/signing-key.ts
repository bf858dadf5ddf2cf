// Which key signs, which keys are published, and when a new one is due. Pure.
//
// Invariants:
//   K1. A key is published for `publishedBeforeMs` before it signs, so that whoever verifies has heard of it. Only
//       the very first key signs at once.
//   K2. A key that signs no more is published until the last token that it signed has expired.

import type { JWK } from "jose";

export type SigningKey = {
  readonly keyId: string;
  readonly publicJwk: JWK;
  readonly sealedPrivateJwk: string;
  readonly createTimeMs: number;
};

export const accessTokenLifeMs = 15 * 60_000;
/** A mesh asks for the keys every 20 minutes. */
const publishedBeforeMs = 30 * 60_000;
/** Processes look for new keys once a minute, and their clocks differ a little. */
const publishedLongerMs = 5 * 60_000;

/** `keys`: the newest first, here and below. */
export function signingKey<K extends SigningKey>(keys: readonly K[], nowMs: number): K | undefined {
  return keys.find((key) => key.createTimeMs <= nowMs - publishedBeforeMs) ?? keys.at(-1);
}

export function publishedKeys<K extends SigningKey>(keys: readonly K[], nowMs: number): K[] {
  const signing = signingKey(keys, nowMs);
  return keys.filter((key, index) => {
    if (key === signing || signing === undefined || key.createTimeMs > signing.createTimeMs) return true;
    const successor = keys[index - 1] ?? signing;
    const signedUntilMs = successor.createTimeMs + publishedBeforeMs;
    return nowMs < signedUntilMs + accessTokenLifeMs + publishedLongerMs;
  });
}

export function isKeyDue(keys: readonly SigningKey[], nowMs: number, rotationMs: number): boolean {
  const newest = keys[0];
  return newest === undefined || newest.createTimeMs <= nowMs - rotationMs;
}

/** The body of `/.well-known/jwks.json` (RFC 7517). */
export function jwksJson(keys: readonly SigningKey[]): string {
  return JSON.stringify({
    keys: keys.map(({ keyId, publicJwk }) => ({ ...publicJwk, kid: keyId, use: "sig", alg: "ES256" })),
  });
}
