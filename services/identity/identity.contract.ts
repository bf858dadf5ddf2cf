// What identity promises to whoever calls it; the fake and the service are both held to it.

import { demoUsers, type HandlersOf } from "@webstore/kit";
import type { IdentityServiceDefinition, TokenPair } from "@webstore/proto/identity/v1";
import { createLocalJWKSet, decodeJwt, type JSONWebKeySet, jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { demoPassword } from "./seed-demo-users.ts";

export type IdentityClient = HandlersOf<typeof IdentityServiceDefinition>;

export type Caller = { readonly accessToken: string } | "service" | "stranger";

/** Identity with the demo's users, as seen by whoever asks. */
export type Subject = { as(caller: Caller): IdentityClient; stop(): Promise<void> };

export function identityContract(name: string, start: () => Promise<Subject>): void {
  describe(name, () => {
    let subject: Subject;
    let stranger: IdentityClient;
    beforeAll(async () => {
      subject = await start();
      stranger = subject.as("stranger");
    });
    afterAll(() => subject?.stop());

    let registered = 0;
    const newcomer = () => {
      registered += 1;
      const username = `newcomer-${registered}`;
      return { username, email: `${username}@example.com`, password: "long enough", country: "DE" };
    };
    const loginAs = async (username: string, password: string): Promise<TokenPair> => {
      const { tokens } = await stranger.login({ username, password });
      if (tokens === undefined) throw new Error("a login without tokens");
      return tokens;
    };
    const refreshed = async ({ refreshToken }: TokenPair): Promise<TokenPair> => {
      const { tokens } = await stranger.refresh({ refreshToken });
      if (tokens === undefined) throw new Error("a refresh without tokens");
      return tokens;
    };

    test("who registers can log in and see themselves", async () => {
      const { password, ...person } = newcomer();
      const { userId } = await stranger.register({ ...person, password });
      const tokens = await loginAs(person.username, password);
      const { user } = await subject.as(tokens).getUser({ userId: "" });
      expect(user).toEqual({ ...person, userId, role: "ROLE_USER", createTime: expect.any(Date) });
    });

    test("a username belongs to one user", async () => {
      const first = newcomer();
      await stranger.register(first);
      const again = stranger.register({ ...newcomer(), username: first.username });
      await expect(again).rejects.toMatchObject({ service: "identity", reason: "username_taken" });
    });

    test("an e-mail address belongs to one user, without regard to case", async () => {
      const first = newcomer();
      await stranger.register(first);
      const again = stranger.register({ ...newcomer(), email: first.email.toUpperCase() });
      await expect(again).rejects.toMatchObject({ reason: "email_taken" });
    });

    test("of twenty who register the same name at once, one gets it", async () => {
      const person = newcomer();
      const all = await Promise.allSettled(
        Array.from({ length: 20 }, (_, index) =>
          stranger.register({ ...person, email: `${index}-${person.email}` }),
        ),
      );
      expect(all.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      const refused = all.flatMap((each) => (each.status === "rejected" ? [each.reason] : []));
      expect(new Set(refused.map(({ reason }) => reason))).toEqual(new Set(["username_taken"]));
    });

    test.each([["a\0b@example.com"], ["a\u0007@example.com"]])(
      "control characters are no e-mail address",
      async (email) => {
        const refused = stranger.register({ ...newcomer(), email });
        await expect(refused).rejects.toMatchObject({ reason: "invalid_request" });
      },
    );

    test("an access token has the promised claims and verifies against the published keys", async () => {
      const { accessToken, tokenType, expiresIn } = await loginAs("grace", demoPassword);
      const { jwksJson } = await stranger.getJwks({});
      const keys = JSON.parse(jwksJson) as JSONWebKeySet;
      expect(keys.keys.every((key) => !("d" in key))).toBe(true);
      const { payload, protectedHeader } = await jwtVerify(accessToken, createLocalJWKSet(keys), {
        issuer: "webstore",
        audience: "webstore",
        algorithms: ["ES256"],
      });
      expect(protectedHeader).toMatchObject({ alg: "ES256", kid: expect.any(String) });
      expect(payload).toMatchObject({ sub: demoUsers.grace.userId, role: "admin", typ: "access" });
      expect(payload.jti).toEqual(expect.any(String));
      expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(15 * 60);
      expect({ tokenType, expiresIn }).toEqual({ tokenType: "Bearer", expiresIn: 15 * 60 });
    });

    test("a refresh token says that it is one, and for how long", async () => {
      const { refreshToken } = await loginAs("ada", demoPassword);
      const claims = decodeJwt(refreshToken);
      expect(claims).toMatchObject({ typ: "refresh", sub: demoUsers.ada.userId });
      expect(claims.role).toBeUndefined();
      expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(30 * 24 * 3_600);
    });

    test("a username is the same in capitals", async () => {
      const { accessToken } = await loginAs("ADA", demoPassword);
      expect(decodeJwt(accessToken).sub).toBe(demoUsers.ada.userId);
    });

    test.each([
      ["a wrong password", "ada", "webstore-demO"],
      ["an unknown name", "nobody", demoPassword],
      ["a name that nobody can have", "ada'; drop table users; --", demoPassword],
    ])("%s is refused like any other wrong login", async (_, username, password) => {
      const refused = stranger.login({ username, password });
      await expect(refused).rejects.toMatchObject({
        code: "UNAUTHENTICATED",
        reason: "invalid_credentials",
        message: "The username or the password is wrong.",
      });
    });

    test("a refresh token is exchanged for new tokens, again and again", async () => {
      const first = await loginAs("ada", demoPassword);
      const second = await refreshed(first);
      const third = await refreshed(second);
      const { user } = await subject.as(third).getUser({ userId: "" });
      expect(user?.userId).toBe(demoUsers.ada.userId);
      expect(new Set([first.refreshToken, second.refreshToken, third.refreshToken]).size).toBe(3);
    });

    test("a refresh token that is used twice revokes its whole login, and no other", async () => {
      const stolen = await loginAs("ada", demoPassword);
      const elsewhere = await loginAs("ada", demoPassword);
      const youngest = await refreshed(stolen);
      await expect(refreshed(stolen)).rejects.toMatchObject({ reason: "refresh_token_reused" });
      await expect(refreshed(youngest)).rejects.toMatchObject({ reason: "invalid_refresh_token" });
      await expect(refreshed(stolen)).rejects.toMatchObject({ reason: "invalid_refresh_token" });
      await expect(refreshed(elsewhere)).resolves.toMatchObject({ tokenType: "Bearer" });
    });

    test("of ten refreshes with one token at once, at most one succeeds", async () => {
      const tokens = await loginAs("ada", demoPassword);
      const all = await Promise.allSettled(Array.from({ length: 10 }, () => refreshed(tokens)));
      expect(all.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      for (const each of all)
        if (each.status === "rejected") expect(each.reason).toMatchObject({ code: "UNAUTHENTICATED" });
    });

    test.each([
      ["an access token", async () => (await loginAs("ada", demoPassword)).accessToken],
      ["a token that is cut", async () => (await loginAs("ada", demoPassword)).refreshToken.slice(0, -1)],
      ["anything else", async () => "' or true --"],
    ])("%s is not a refresh token", async (_, forged) => {
      const refused = stranger.refresh({ refreshToken: await forged() });
      await expect(refused).rejects.toMatchObject({ reason: "invalid_refresh_token" });
    });

    test("a shopper cannot tell somebody else from nobody", async () => {
      const ada = subject.as(await loginAs("ada", demoPassword));
      for (const userId of [demoUsers.grace.userId, "99999999-0000-4000-8000-000000000000"]) {
        await expect(ada.getUser({ userId })).rejects.toMatchObject({ reason: "user_not_found" });
      }
    });

    test("staff and services see any user who exists", async () => {
      const grace = subject.as(await loginAs("grace", demoPassword));
      for (const client of [grace, subject.as("service")]) {
        const { user } = await client.getUser({ userId: demoUsers.ada.userId });
        expect(user).toMatchObject({ username: "ada", email: "ada@example.com", role: "ROLE_USER" });
        const nobody = client.getUser({ userId: "99999999-0000-4000-8000-000000000000" });
        await expect(nobody).rejects.toMatchObject({ reason: "user_not_found" });
      }
    });

    test("a service has to say whom it means", async () => {
      const refused = subject.as("service").getUser({ userId: "" });
      await expect(refused).rejects.toMatchObject({ reason: "invalid_request" });
    });

    test("pages show every user once, though somebody registers in between", async () => {
      for (let count = 0; count < 3; count += 1) await stranger.register(newcomer());
      const grace = subject.as(await loginAs("grace", demoPassword));
      const whole = await grace.listUsers({ pageSize: 100, pageToken: "" });
      expect(whole.nextPageToken).toBe("");

      const seen: string[] = [];
      let pageToken = "";
      do {
        const page = await grace.listUsers({ pageSize: 2, pageToken });
        seen.push(...page.users.map(({ userId }) => userId));
        if (pageToken === "") await stranger.register(newcomer());
        pageToken = page.nextPageToken;
      } while (pageToken !== "");
      // Who registered in between may be on a later page, if it was in the same millisecond.
      const known = whole.users.map(({ userId }) => userId);
      expect(seen.filter((userId) => known.includes(userId))).toEqual(known);
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen).toEqual(expect.arrayContaining(Object.values(demoUsers).map(({ userId }) => userId)));
    });

    test.each(["x", "' or true", Buffer.from("0 nobody").toString("base64url"), "eyJhIjoxfQ"])(
      "the page token %s is refused",
      async (pageToken) => {
        const grace = subject.as(await loginAs("grace", demoPassword));
        const refused = grace.listUsers({ pageSize: 2, pageToken });
        await expect(refused).rejects.toMatchObject({ reason: "invalid_request" });
      },
    );
  });
}
