// Identity over real gRPC and Postgres, and its fake, held to one contract; and what only the service has.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { currentContext, demoUsers, inContext, type Role, type Running } from "@webstore/kit";
import { freshDatabase, testClient, testInternalKey } from "@webstore/kit/testing";
import { decodeJwt } from "jose";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { identity } from "./definition.ts";
import { fakeIdentity } from "./fake.ts";
import { type Caller, type IdentityClient, identityContract, type Subject } from "./identity.contract.ts";
import { program } from "./main.ts";
import { demoPassword } from "./seed-demo-users.ts";

/** Relays the keys from wherever identity listens: their address has to be known before identity starts. */
async function relayKeys() {
  let target = "";
  const server = createServer((_request, response) => {
    fetch(`${target}/.well-known/jwks.json`).then(
      async (answer) => response.writeHead(answer.status).end(await answer.text()),
      () => response.writeHead(502).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    relayTo(admin: string) {
      target = admin;
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

type Identity = Subject & { running: Running; databaseUrl: string };

async function startIdentity(env: Record<string, string> = {}): Promise<Identity> {
  const database = await freshDatabase();
  const keys = await relayKeys();
  const running = await program.start({ ...testEnv(database.url, keys.url), ...env });
  keys.relayTo(running.urls.admin ?? "");
  const clients = new Map<string, IdentityClient & { close(): void }>();
  const as = (caller: Caller) => {
    const name = typeof caller === "string" ? caller : caller.accessToken;
    const known = clients.get(name);
    if (known !== undefined) return known;
    const means =
      typeof caller === "string" ? { internal: caller === "service" } : { token: caller.accessToken };
    const client = testClient(identity, running.urls.rpc ?? "", means);
    clients.set(name, client);
    return client;
  };
  const stop = async () => {
    for (const client of clients.values()) client.close();
    await running.stop();
    keys.close();
    await database.drop();
  };
  return { as, stop, running, databaseUrl: database.url };
}

function testEnv(databaseUrl: string, jwksUrl: string): Record<string, string> {
  return {
    DATABASE_URL: databaseUrl,
    JWKS_URL: jwksUrl,
    INTERNAL_API_KEY: testInternalKey,
    RPC_PORT: "0",
    ADMIN_PORT: "0",
    LOG_LEVEL: "silent",
    SEED_DEMO: "true",
    IDENTITY_ARGON2_MEMORY_KIB: "64",
    IDENTITY_ARGON2_TIME_COST: "1",
  };
}

async function startFake(): Promise<Subject> {
  const fake = await fakeIdentity();
  const as = (caller: Caller): IdentityClient => {
    if (typeof caller === "string") return fake;
    const { sub, role } = decodeJwt<{ role: Role }>(caller.accessToken);
    const principal = { kind: "user", userId: sub ?? "", role } as const;
    const calls = Object.entries<(request: never) => Promise<unknown>>(fake as never).map(
      ([name, method]) =>
        [
          name,
          (request: never) => inContext({ ...currentContext(), principal }, () => method(request)),
        ] as const,
    );
    return Object.fromEntries(calls) as unknown as IdentityClient;
  };
  return { as, stop: async () => {} };
}

identityContract("the fake of identity", startFake);
identityContract("identity over gRPC and Postgres", startIdentity);

describe("the identity service", () => {
  let subject: Identity;
  let stranger: IdentityClient;
  beforeAll(async () => {
    subject = await startIdentity();
    stranger = subject.as("stranger");
  });
  afterAll(() => subject?.stop());

  test("refuses a refresh token where an access token belongs", async () => {
    const { tokens } = await stranger.login({ username: "ada", password: demoPassword });
    const impostor = subject.as({ accessToken: tokens?.refreshToken ?? "" });
    await expect(impostor.getUser({ userId: "" })).rejects.toMatchObject({ reason: "unauthenticated" });
  });

  test("lets only staff list users", async () => {
    const { tokens } = await stranger.login({ username: "ada", password: demoPassword });
    const ada = subject.as({ accessToken: tokens?.accessToken ?? "" });
    const page = { pageSize: 10, pageToken: "" };
    await expect(ada.listUsers(page)).rejects.toMatchObject({ reason: "permission_denied" });
    await expect(stranger.listUsers(page)).rejects.toMatchObject({ reason: "unauthenticated" });
  });

  test("publishes its keys on the admin port, and they are those of GetJwks", async () => {
    const response = await fetch(`${subject.running.urls.admin}/.well-known/jwks.json`);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await response.text()).toBe((await stranger.getJwks({})).jwksJson);
  });

  test("keeps no password and no token that could be used", async () => {
    const { tokens } = await stranger.login({ username: "ada", password: demoPassword });
    const client = new pg.Client({ connectionString: subject.databaseUrl });
    await client.connect();
    const { rows } = await client
      .query(
        `select users::text as row from identity.users union all select sessions::text from identity.sessions
         union all select refresh_tokens::text from identity.refresh_tokens`,
      )
      .finally(() => client.end());
    const everything = JSON.stringify(rows);
    expect(everything).toContain("$argon2id$");
    expect(everything).not.toContain(demoPassword);
    expect(everything).not.toContain(tokens?.refreshToken);
    expect(everything).not.toContain(tokens?.accessToken);
  });

  test("starts again on the same data: users, keys and logins are still there", async () => {
    const { tokens } = await stranger.login({ username: "ada", password: demoPassword });
    const again = await program.start(testEnv(subject.databaseUrl, "http://127.0.0.1:1/"));
    const client = testClient(identity, again.urls.rpc ?? "");
    try {
      expect((await client.getJwks({})).jwksJson).toBe((await stranger.getJwks({})).jwksJson);
      const refreshed = await client.refresh({ refreshToken: tokens?.refreshToken ?? "" });
      expect(decodeJwt(refreshed.tokens?.accessToken ?? "").sub).toBe(demoUsers.ada.userId);
    } finally {
      client.close();
      await again.stop();
    }
  });

  test.each([
    [{ SEED_DEMO: "true" }, "SEED_DEMO"],
    [{ SEED_DEMO: "false" }, "IDENTITY_ARGON2_MEMORY_KIB"],
    [{ SEED_DEMO: "false", IDENTITY_ARGON2_MEMORY_KIB: "19456" }, "IDENTITY_ARGON2_TIME_COST"],
    [{ ALLOWED_ROLES: "user,owner" }, "ALLOWED_ROLES"],
    [{ IDENTITY_KEY_ENCRYPTION_KEY: "c2hvcnQ=" }, "IDENTITY_KEY_ENCRYPTION_KEY"],
  ])("does not start in production with %o", async (env, variable) => {
    const base = testEnv(subject.databaseUrl, "http://127.0.0.1:1/");
    const started = program.start({ ...base, PRODUCTION_ENV: "true", ...env });
    await expect(started).rejects.toThrow(variable);
  });
});

describe("identity with other settings", () => {
  test("a role that is not allowed may not log in, and learns nothing", async () => {
    const subject = await startIdentity({ ALLOWED_ROLES: "admin" });
    try {
      const stranger = subject.as("stranger");
      const ada = stranger.login({ username: "ada", password: demoPassword });
      await expect(ada).rejects.toMatchObject({ reason: "invalid_credentials" });
      const grace = await stranger.login({ username: "grace", password: demoPassword });
      expect(grace.tokens?.tokenType).toBe("Bearer");
    } finally {
      await subject.stop();
    }
  });

  test("signing keys are encrypted where there is a key for it, and a wrong one does not start", async () => {
    const key = (byte: number) => Buffer.alloc(32, byte).toString("base64");
    const subject = await startIdentity({ IDENTITY_KEY_ENCRYPTION_KEY: key(1) });
    try {
      await subject.as("stranger").login({ username: "ada", password: demoPassword });
      const wrong = { ...testEnv(subject.databaseUrl, "http://127.0.0.1:1/") };
      await expect(program.start({ ...wrong, IDENTITY_KEY_ENCRYPTION_KEY: key(2) })).rejects.toThrow(
        "IDENTITY_KEY_ENCRYPTION_KEY",
      );
      await expect(program.start(wrong)).rejects.toThrow("IDENTITY_KEY_ENCRYPTION_KEY");
    } finally {
      await subject.stop();
    }
  });
});
