// Passwords: hashed with argon2id, a few at a time.
//
// Invariants:
//   P1. Checking a password takes the same work whether the user exists or not.
//   P2. No more than `runningMax` are hashed at a time, and no more than `waitingMax` wait: hashing is what an
//       attacker can make us do most of. Beyond that it is an outage, at once.

import { hash, type Options, parseOptions, verify } from "@node-rs/argon2";
import { Outage } from "@webstore/kit";

export type Passwords = {
  hash(password: string): Promise<string>;
  /** `passwordHash` is undefined for a user who does not exist; the answer is then false. */
  verify(passwordHash: string | undefined, password: string): Promise<boolean>;
  /** Whether the hash was made with other costs than those of today. */
  isOutdated(passwordHash: string): boolean;
};

export type PasswordLimits = {
  readonly memoryKib: number;
  readonly timeCost: number;
  readonly runningMax: number;
  readonly waitingMax: number;
};

export function argon2Passwords({ memoryKib, timeCost, runningMax, waitingMax }: PasswordLimits): Passwords {
  // The library's algorithm, when none is named, is argon2id; its enum does not exist at run time.
  const options: Options = { memoryCost: memoryKib, timeCost, parallelism: 1 };
  const limited = limiter(runningMax, waitingMax);
  let nobody: Promise<string> | undefined;
  const nobodysHash = () => {
    nobody ??= hash("nobody has this password", options);
    return nobody;
  };
  // Begun now, so that the first login of somebody who does not exist is not told by its time.
  nobodysHash().catch(() => {
    nobody = undefined;
  });

  return {
    hash: (password) => limited(() => hash(password, options)),
    verify: (passwordHash, password) =>
      limited(async () => {
        const matches = await verify(passwordHash ?? (await nobodysHash()), password);
        return matches && passwordHash !== undefined;
      }),
    isOutdated(passwordHash) {
      const is = parseOptions(passwordHash);
      return is.memoryCost !== memoryKib || is.timeCost !== timeCost;
    },
  };
}

/** Runs at most `runningMax` of what it is given at a time, the others in their order. */
function limiter(runningMax: number, waitingMax: number) {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (running < runningMax) {
      running += 1;
    } else {
      if (waiting.length >= waitingMax) throw new Outage("identity", "too many passwords wait to be checked");
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
    try {
      return await work();
    } finally {
      // Whoever is next takes this one's place; it is given up only when nobody waits.
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
