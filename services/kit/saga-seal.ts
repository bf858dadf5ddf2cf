// How the journal writes values down: JSON in which amounts stay whole numbers, and secrets sealed.

import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from "node:crypto";
import type { Data } from "./saga.ts";

/** What may be read in the table, and what may not. */
export function divide(input: Record<string, Data>, secrets: readonly string[]) {
  const entries = Object.entries(input);
  return {
    open: Object.fromEntries(entries.filter(([name]) => !secrets.includes(name))),
    secret: Object.fromEntries(entries.filter(([name]) => secrets.includes(name))),
  };
}

/** JSON in which amounts stay bigints. */
export function toJson(value: unknown): string | null {
  if (value === undefined) return null;
  return JSON.stringify(value, (_, each) => (typeof each === "bigint" ? { $bigint: each.toString() } : each));
}

export function fromJson<T>(text: string): T {
  return JSON.parse(text, (_, each) => {
    const digits = (each as { $bigint?: unknown } | null)?.$bigint;
    return typeof digits === "string" ? BigInt(digits) : each;
  });
}

const ivBytes = 12;
const tagBytes = 16;

/** One key, or several separated by commas; the whole text is one, too, for what was sealed when a comma was part of it. */
function keysOf(secrets: string): [KeyObject, ...KeyObject[]] {
  const keyOf = (secret: string) =>
    createSecretKey(Buffer.from(hkdfSync("sha256", secret, "", "webstore saga journal", 32)));
  const [first = secrets, ...others] = secrets
    .split(",")
    .map((each) => each.trim())
    .filter((each) => each !== "");
  return [keyOf(first), ...others.map(keyOf), keyOf(secrets)];
}

/**
 * AES-256-GCM under a key of its own, bound to the saga's id: a sealed value moved to another row does not open. The
 * first of the keys closes, and each of them opens: so one can be replaced while what it has sealed is still there.
 */
export function sealer(secrets: string) {
  const keys = keysOf(secrets);
  return {
    close(id: string, values: Record<string, Data>): Uint8Array | null {
      if (Object.keys(values).length === 0) return null;
      const iv = randomBytes(ivBytes);
      const cipher = createCipheriv("aes-256-gcm", keys[0], iv).setAAD(Buffer.from(id));
      const text = Buffer.concat([cipher.update(toJson(values) ?? "", "utf8"), cipher.final()]);
      return Buffer.concat([iv, cipher.getAuthTag(), text]);
    },
    open(id: string, sealed: Uint8Array | null): Record<string, Data> {
      if (sealed === null) return {};
      for (const key of keys) {
        const text = opened(id, sealed, key);
        if (text !== undefined) return fromJson(text);
      }
      throw new Error("sealed under another key");
    },
  };
}

/** Undefined under another key than this. */
function opened(id: string, sealed: Uint8Array, key: KeyObject): string | undefined {
  const iv = sealed.subarray(0, ivBytes);
  const decipher = createDecipheriv("aes-256-gcm", key, iv).setAAD(Buffer.from(id));
  decipher.setAuthTag(sealed.subarray(ivBytes, ivBytes + tagBytes));
  try {
    const text = Buffer.concat([decipher.update(sealed.subarray(ivBytes + tagBytes)), decipher.final()]);
    return text.toString("utf8");
  } catch {
    return undefined;
  }
}
