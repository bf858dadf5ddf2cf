// What every session store promises, on memory and on Postgres.

import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { freshSchema } from "@webstore/kit/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { judge, refreshTokenLifeMs, sessionsPerUserMax, spentTokensMax } from "./session.ts";
import { memorySessionStore } from "./session-store.memory.ts";
import { postgresSessionStore } from "./session-store.postgres.ts";
import type { SessionStore } from "./session-store.ts";
import { postgresUserStore } from "./user-store.postgres.ts";

const sql = readFileSync(new URL("./migrations/0001-identity.sql", import.meta.url), "utf8");

type Subject = { store: SessionStore; addUser(): Promise<string>; stop(): Promise<void> };

function sessionStoreSuite(name: string, start: () => Promise<Subject>) {
  describe(`the session store ${name}`, () => {
    let subject: Subject;
    let store: SessionStore;
    let nowMs: number;
    let userId: string;
    let tokens = 0;
    beforeAll(async () => {
      subject = await start();
      store = subject.store;
    });
    afterAll(() => subject?.stop());
    beforeEach(async () => {
      nowMs = Date.UTC(2030, 0, 1);
      userId = await subject.addUser();
    });

    const newHash = () => {
      tokens += 1;
      return `hash-${tokens}`;
    };
    const open = async () => {
      const [sessionId, tokenHash] = [randomUUID(), newHash()];
      await store.open({ sessionId, userId, tokenHash, nowMs, expireTimeMs: nowMs + refreshTokenLifeMs });
      return { sessionId, tokenHash };
    };
    const rotate = async ({ sessionId, tokenHash }: { sessionId: string; tokenHash: string }) => {
      const nextTokenHash = newHash();
      const expireTimeMs = nowMs + refreshTokenLifeMs;
      const rotated = await store.rotate({ sessionId, tokenHash, nextTokenHash, nowMs, expireTimeMs });
      return { rotated, sessionId, tokenHash: nextTokenHash };
    };
    const verdict = async (tokenHash: string) => judge(await store.find(tokenHash), nowMs);

    test("a token is good until it expires, and no longer", async () => {
      const { tokenHash } = await open();
      expect(await verdict(tokenHash)).toBe("good");
      nowMs += refreshTokenLifeMs - 1;
      expect(await verdict(tokenHash)).toBe("good");
      nowMs += 1;
      expect(await verdict(tokenHash)).toBe("invalid");
    });

    test("rotating spends one token and adds the next, which lives as long again", async () => {
      const first = await open();
      nowMs += refreshTokenLifeMs / 2;
      const second = await rotate(first);
      expect(second.rotated).toBe(true);
      expect([await verdict(first.tokenHash), await verdict(second.tokenHash)]).toEqual(["reused", "good"]);
      nowMs += refreshTokenLifeMs - 1;
      expect(await verdict(second.tokenHash)).toBe("good");
    });

    test("of twenty rotates of one token, one spends it and the others change nothing", async () => {
      const session = await open();
      const all = await Promise.all(Array.from({ length: 20 }, () => rotate(session)));
      const winners = all.filter(({ rotated }) => rotated);
      expect(winners).toHaveLength(1);
      for (const { rotated, tokenHash } of all)
        expect(await verdict(tokenHash)).toBe(rotated ? "good" : "invalid");
    });

    test("after a revoke no token is good, however many rotates run beside it", async () => {
      for (let round = 0; round < 20; round += 1) {
        const session = await open();
        const [next] = await Promise.all([rotate(session), store.revoke(session.sessionId, nowMs)]);
        expect(await verdict(session.tokenHash)).toBe("invalid");
        expect(await verdict(next.tokenHash)).toBe("invalid");
      }
    });

    test("a revoked session is not rotated", async () => {
      const session = await open();
      await store.revoke(session.sessionId, nowMs);
      expect((await rotate(session)).rotated).toBe(false);
    });

    test("a session and a token that do not belong together are not rotated", async () => {
      const [one, other] = [await open(), await open()];
      expect((await rotate({ ...one, sessionId: other.sessionId })).rotated).toBe(false);
      expect((await rotate({ ...one, sessionId: randomUUID() })).rotated).toBe(false);
      expect(await verdict(one.tokenHash)).toBe("good");
    });

    test("the oldest login ends when there are too many, and those that expired are forgotten", async () => {
      const first = await open();
      nowMs += 1;
      const second = await open();
      for (let count = 2; count < sessionsPerUserMax + 1; count += 1) {
        nowMs += 1;
        await open();
      }
      expect(await store.find(first.tokenHash)).toBeUndefined();
      expect(await verdict(second.tokenHash)).toBe("good");
      nowMs += refreshTokenLifeMs;
      await open();
      expect(await store.find(second.tokenHash)).toBeUndefined();
    });

    test("many logins at once all stand", async () => {
      const all = await Promise.all(Array.from({ length: 30 }, open));
      for (const { tokenHash } of all) expect(await verdict(tokenHash)).toBe("good");
    });

    test("a session that is rotated for ever stays small", async () => {
      const first = await open();
      let latest: { sessionId: string; tokenHash: string } = first;
      let second: string | undefined;
      for (let count = 0; count < spentTokensMax + 1; count += 1) {
        latest = await rotate(latest);
        second ??= latest.tokenHash;
      }
      expect(await store.find(first.tokenHash)).toBeUndefined();
      expect(await verdict(second ?? "")).toBe("reused");
      expect(await verdict(latest.tokenHash)).toBe("good");
    });
  });
}

sessionStoreSuite("in memory", async () => ({
  store: memorySessionStore(),
  addUser: async () => randomUUID(),
  stop: async () => {},
}));
sessionStoreSuite("in Postgres", async () => {
  const postgres = await freshSchema([{ id: "0001-identity", sql }]);
  const users = postgresUserStore(postgres);
  const addUser = async () => {
    const userId = randomUUID();
    const username = userId.replaceAll("-", "").slice(0, 20);
    const email = `${username}@example.com`;
    const rest = { country: "US", role: "user", passwordHash: "none", createTimeMs: 0 } as const;
    expect(await users.add({ userId, username, email, ...rest })).toBe("added");
    return userId;
  };
  return { store: postgresSessionStore(postgres), addUser, stop: () => postgres.close() };
});
