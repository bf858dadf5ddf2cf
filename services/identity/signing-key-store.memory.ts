// Signing keys in memory.

import type { SigningKey } from "./signing-key.ts";
import { keysMax, type SigningKeyStore } from "./signing-key-store.ts";

export function memorySigningKeyStore(): SigningKeyStore {
  let keys: SigningKey[] = [];
  return {
    list: async () => keys,
    async addUnlessNewer(key, sinceMs) {
      if (keys.some(({ createTimeMs }) => createTimeMs > sinceMs)) return;
      keys = [key, ...keys].sort((a, b) => b.createTimeMs - a.createTimeMs).slice(0, keysMax);
    },
  };
}
