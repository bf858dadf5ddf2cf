// What a login does besides giving tokens; the rest is in identity.contract.ts.

import { expect, test } from "vitest";
import { login } from "./login.ts";
import { argon2Passwords } from "./passwords.ts";
import { memorySessionStore } from "./session-store.memory.ts";
import { memoryUserStore } from "./user-store.memory.ts";

const userId = "00000000-0000-4000-8000-000000000009";
const limits = { memoryKib: 64, runningMax: 2, waitingMax: 10 };

async function world() {
  const [before, today] = [1, 2].map((timeCost) => argon2Passwords({ ...limits, timeCost }));
  if (before === undefined || today === undefined) throw new Error("two of them were made");
  const users = memoryUserStore();
  await users.add({
    userId,
    username: "linus",
    email: "linus@example.com",
    country: "FI",
    role: "user",
    passwordHash: await before.hash("correct horse"),
    createTimeMs: 0,
  });
  const issued = { accessToken: "", accessTokenLifeSeconds: 1, refreshToken: "", refreshTokenHash: "" };
  const parts = {
    users,
    sessions: memorySessionStore(),
    passwords: today,
    issueTokens: async () => ({ ...issued, refreshTokenExpireTimeMs: 1 }),
    allowedRoles: new Set(["user"] as const),
    nowMs: () => 0,
    newId: () => "session",
  };
  const costs = async () => (await users.findAccount("linus"))?.passwordHash.match(/t=(\d)/)?.[1];
  return { parts, costs };
}

test("a login renews a hash that was made with other costs, and the password stays the same", async () => {
  const { parts, costs } = await world();
  await login(parts, { username: "linus", password: "correct horse" });
  expect(await costs()).toBe("2");
  await login(parts, { username: "linus", password: "correct horse" });
});

test("a login that is refused changes nothing", async () => {
  const { parts, costs } = await world();
  const refused = login(parts, { username: "linus", password: "wrong horse" });
  await expect(refused).rejects.toMatchObject({ reason: "invalid_credentials" });
  expect(await costs()).toBe("1");
});
