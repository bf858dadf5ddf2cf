// The signing keys. Every implementation promises:
//   S1. Of several processes that find a key due at the same time, one adds its key and the others' are dropped.
//   S2. It keeps the newest `keysMax` keys and forgets the others, which no living token needs.

import type { SigningKey } from "./signing-key.ts";

export const keysMax = 3;

export type SigningKeyStore = {
  /** The newest first. */
  list(): Promise<SigningKey[]>;
  /** Adds the key unless there is one that was created after `sinceMs`. */
  addUnlessNewer(key: SigningKey, sinceMs: number): Promise<void>;
};
