// Whether a caller has the key. Keys are compared by their hashes and in constant time, so that how long an
// answer takes tells nothing of how much of a guess was right, nor how long the key is.

import { createHash, timingSafeEqual } from "node:crypto";

export function isSameKey(given: string | string[] | undefined, key: string | undefined): boolean {
  if (typeof given !== "string" || key === undefined) return false;
  return timingSafeEqual(hashOf(given), hashOf(key));
}

const hashOf = (text: string) => createHash("sha256").update(text).digest();
