// Identity in memory, for the tests of other services: the same rules and real tokens, over maps instead of
// Postgres. identity.contract.ts holds it.
//
// It differs from the service, on purpose, in three things: passwords are hashed quickly; the kit's checks of
// `access` and of the fields' rules do not run; and the demo's users are there from the start. Who asks is the user
// of the current context, and another service when there is none.

import { createHash, randomUUID } from "node:crypto";
import type { HandlersOf } from "@webstore/kit";
import type { IdentityServiceDefinition } from "@webstore/proto/identity/v1";
import { openKeyRing } from "./key-ring.ts";
import type { Passwords } from "./passwords.ts";
import { privateKeySeal } from "./private-key-seal.ts";
import { rpc } from "./rpc.ts";
import { seedDemoUsers } from "./seed-demo-users.ts";
import { memorySessionStore } from "./session-store.memory.ts";
import { memorySigningKeyStore } from "./signing-key-store.memory.ts";
import { tokenIssuer } from "./token-issuer.ts";
import { memoryUserStore } from "./user-store.memory.ts";

const rotationMs = 30 * 24 * 3_600_000;

export async function fakeIdentity(
  is: { nowMs?: () => number; issuer?: string; audience?: string } = {},
): Promise<HandlersOf<typeof IdentityServiceDefinition>> {
  const { nowMs = Date.now, issuer = "webstore", audience = "webstore" } = is;
  const newId = randomUUID;
  const seal = privateKeySeal(undefined);
  const store = memorySigningKeyStore();
  const keys = await openKeyRing({ store, seal, rotationMs, nowMs, onStale: () => {} });
  const users = memoryUserStore();
  await seedDemoUsers({ users, passwords: quickPasswords, nowMs });
  return rpc({
    users,
    sessions: memorySessionStore(),
    passwords: quickPasswords,
    keys,
    issueTokens: tokenIssuer({ keys, issuer, audience, nowMs, newId }),
    allowedRoles: new Set(["user", "admin"]),
    nowMs,
    newId,
    log: { warn: () => {} },
  });
}

const digest = (password: string) => createHash("sha256").update(password).digest("base64");

const quickPasswords: Passwords = {
  hash: async (password) => digest(password),
  verify: async (passwordHash, password) => passwordHash === digest(password),
  isOutdated: () => false,
};
