// How a private signing key is written down: as it is, or encrypted with AES-256-GCM under a key that is not in the
// database. A key's id is authenticated with it, so that two rows cannot be exchanged.

import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { ConfigError } from "@webstore/kit";
import type { JWK } from "jose";

export type PrivateKeySeal = {
  seal(keyId: string, privateJwk: JWK): string;
  /** Throws a ConfigError when the key was sealed under another key. */
  open(keyId: string, sealed: string): JWK;
};

const nonceBytes = 12;
const plainPrefix = "plain:";
const sealedPrefix = "aes-256-gcm:";

/** `encryptionKey`: 32 bytes. Without it new keys are written as they are. */
export function privateKeySeal(encryptionKey: Buffer | undefined): PrivateKeySeal {
  return {
    seal(keyId, privateJwk) {
      const text = JSON.stringify(privateJwk);
      if (encryptionKey === undefined) return `${plainPrefix}${text}`;
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv("aes-256-gcm", encryptionKey, nonce).setAAD(Buffer.from(keyId));
      const ciphertext = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
      const parts = [nonce, cipher.getAuthTag(), ciphertext];
      return `${sealedPrefix}${parts.map((part) => part.toString("base64url")).join(".")}`;
    },

    open(keyId, sealed) {
      if (sealed.startsWith(plainPrefix)) return JSON.parse(sealed.slice(plainPrefix.length));
      const wrong = () =>
        new ConfigError("IDENTITY_KEY_ENCRYPTION_KEY: does not open the signing keys in the database");
      if (encryptionKey === undefined || !sealed.startsWith(sealedPrefix)) throw wrong();
      const [nonce, tag, ciphertext] = sealed
        .slice(sealedPrefix.length)
        .split(".")
        .map((part) => Buffer.from(part, "base64url"));
      if (nonce === undefined || tag === undefined || ciphertext === undefined) throw wrong();
      try {
        const decipher = createDecipheriv("aes-256-gcm", encryptionKey, nonce, { authTagLength: 16 });
        decipher.setAAD(Buffer.from(keyId)).setAuthTag(tag);
        const text = Buffer.concat([decipher.update(ciphertext), decipher.final()]).toString("utf8");
        return JSON.parse(text);
      } catch {
        throw wrong();
      }
    },
  };
}
