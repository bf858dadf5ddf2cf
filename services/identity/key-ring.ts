// The signing keys as this process uses them: read from the store, read again once a minute, and made when due.
// There is no timer: what is asked for keeps itself fresh.

import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK } from "jose";
import type { PrivateKeySeal } from "./private-key-seal.ts";
import { isKeyDue, jwksJson, publishedKeys, type SigningKey, signingKey } from "./signing-key.ts";
import type { SigningKeyStore } from "./signing-key-store.ts";

export type Signer = { readonly keyId: string; readonly privateKey: CryptoKey };

export type KeyRing = {
  signer(): Promise<Signer>;
  /** A JSON Web Key Set. */
  jwks(): Promise<string>;
};

const freshForMs = 60_000;

/** Resolves once there is a key to sign with. */
export async function openKeyRing(parts: {
  store: SigningKeyStore;
  seal: PrivateKeySeal;
  rotationMs: number;
  nowMs: () => number;
  onStale: (error: unknown) => void;
}): Promise<KeyRing> {
  const { store, seal, rotationMs, nowMs, onStale } = parts;
  const imported = new Map<string, Promise<CryptoKey>>();
  let keys: readonly SigningKey[] = [];
  let readAtMs = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> | undefined;

  const read = async () => {
    const startedAtMs = nowMs();
    let found = await store.list();
    if (isKeyDue(found, startedAtMs, rotationMs)) {
      await store.addUnlessNewer(await newKey(seal, startedAtMs), startedAtMs - rotationMs);
      found = await store.list();
    }
    keys = found;
    readAtMs = startedAtMs;
  };

  /** Old keys are better than none: when the store does not answer, those at hand stay in use. */
  const refresh = async () => {
    if (nowMs() - readAtMs < freshForMs) return;
    reading ??= read()
      .catch((error: unknown) => {
        readAtMs = nowMs();
        onStale(error);
      })
      .finally(() => {
        reading = undefined;
      });
    await reading;
  };

  const privateKeyOf = (key: SigningKey): Promise<CryptoKey> => {
    let known = imported.get(key.keyId);
    if (known === undefined) {
      known = importJWK(seal.open(key.keyId, key.sealedPrivateJwk), "ES256") as Promise<CryptoKey>;
      imported.clear();
      imported.set(key.keyId, known);
    }
    return known;
  };

  const signer = async (): Promise<Signer> => {
    await refresh();
    const key = signingKey(keys, nowMs());
    if (key === undefined) throw new Error("there is no signing key");
    return { keyId: key.keyId, privateKey: await privateKeyOf(key) };
  };

  await read();
  // A wrong encryption key is found at start, not at the first login.
  await signer();
  return {
    signer,
    async jwks() {
      await refresh();
      return jwksJson(publishedKeys(keys, nowMs()));
    },
  };
}

async function newKey(seal: PrivateKeySeal, nowMs: number): Promise<SigningKey> {
  const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
  const publicJwk = await exportJWK(publicKey);
  const keyId = await calculateJwkThumbprint(publicJwk);
  const sealedPrivateJwk = seal.seal(keyId, await exportJWK(privateKey));
  return { keyId, publicJwk, sealedPrivateJwk, createTimeMs: nowMs };
}
