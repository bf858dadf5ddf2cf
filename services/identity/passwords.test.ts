// Passwords by argon2, cheap here, and how many at a time.

import { Outage } from "@webstore/kit";
import { describe, expect, test } from "vitest";
import { argon2Passwords } from "./passwords.ts";

const cheap = { memoryKib: 64, timeCost: 1, runningMax: 2, waitingMax: 100 };

describe("passwords", () => {
  test("are hashed with argon2id, the given costs and a salt of their own", async () => {
    const passwords = argon2Passwords(cheap);
    const [one, other] = [await passwords.hash("same"), await passwords.hash("same")];
    expect(one).toMatch(/^\$argon2id\$v=19\$m=64,t=1,p=1\$/);
    expect(one).not.toBe(other);
    expect(await passwords.verify(one, "same")).toBe(true);
    expect(await passwords.verify(one, "Same")).toBe(false);
  });

  test("nobody has none: not even the one that their hash was made of", async () => {
    const passwords = argon2Passwords(cheap);
    expect(await passwords.verify(undefined, "nobody has this password")).toBe(false);
  });

  test("checking for nobody costs what checking for somebody costs", async () => {
    const passwords = argon2Passwords({ ...cheap, memoryKib: 19_456, timeCost: 2 });
    const somebody = await passwords.hash("right");
    const cpuMicros = async (passwordHash: string | undefined) => {
      const costs: number[] = [];
      for (let round = 0; round < 5; round += 1) {
        const before = process.cpuUsage();
        await passwords.verify(passwordHash, "wrong");
        const { user, system } = process.cpuUsage(before);
        costs.push(user + system);
      }
      return Math.min(...costs);
    };
    const ratio = (await cpuMicros(undefined)) / (await cpuMicros(somebody));
    // Without the work for nobody it is below 0.01.
    expect(ratio).toBeGreaterThan(0.3);
  });

  test("wait their turn, and are an outage when too many wait", async () => {
    const passwords = argon2Passwords({ ...cheap, runningMax: 1, waitingMax: 3 });
    const all = await Promise.allSettled(Array.from({ length: 10 }, () => passwords.hash("x")));
    expect(all.filter(({ status }) => status === "fulfilled")).toHaveLength(4);
    for (const each of all) if (each.status === "rejected") expect(each.reason).toBeInstanceOf(Outage);
    await expect(passwords.hash("later")).resolves.toContain("$argon2id$");
  });

  test("that fail do not take a place for ever", async () => {
    const passwords = argon2Passwords({ ...cheap, runningMax: 1 });
    for (let round = 0; round < 3; round += 1)
      await expect(passwords.verify("not a hash", "x")).rejects.toThrow();
    await expect(passwords.hash("x")).resolves.toContain("$argon2id$");
  });
});
