// The identity process.

import { run, service } from "@webstore/kit";
import { checkProduction, identityConfig } from "./config.ts";
import { identity } from "./definition.ts";
import { openKeyRing } from "./key-ring.ts";
import { argon2Passwords } from "./passwords.ts";
import { privateKeySeal } from "./private-key-seal.ts";
import { rpc } from "./rpc.ts";
import { seedDemoUsers } from "./seed-demo-users.ts";
import { postgresSessionStore } from "./session-store.postgres.ts";
import { postgresSigningKeyStore } from "./signing-key-store.postgres.ts";
import { tokenIssuer } from "./token-issuer.ts";
import { postgresUserStore } from "./user-store.postgres.ts";

const dayMs = 24 * 3_600_000;

export const program = service(identity, {
  config: identityConfig,
  migrations: new URL("./migrations/", import.meta.url),
  start: async ({ postgres, config, log, nowMs, newId }) => {
    checkProduction(config);
    const encryptionKey = config.IDENTITY_KEY_ENCRYPTION_KEY;
    const keys = await openKeyRing({
      store: postgresSigningKeyStore(postgres),
      seal: privateKeySeal(encryptionKey === undefined ? undefined : Buffer.from(encryptionKey, "base64")),
      rotationMs: config.IDENTITY_KEY_ROTATION_DAYS * dayMs,
      nowMs,
      onStale: (error) => log.warn({ error }, "signing keys cannot be read; those at hand stay in use"),
    });
    const users = postgresUserStore(postgres);
    const passwords = argon2Passwords({
      memoryKib: config.IDENTITY_ARGON2_MEMORY_KIB,
      timeCost: config.IDENTITY_ARGON2_TIME_COST,
      runningMax: config.IDENTITY_ARGON2_RUNNING_MAX,
      waitingMax: config.IDENTITY_ARGON2_WAITING_MAX,
    });
    if (config.SEED_DEMO) await seedDemoUsers({ users, passwords, nowMs });

    return {
      handlers: rpc({
        users,
        sessions: postgresSessionStore(postgres),
        passwords,
        keys,
        issueTokens: tokenIssuer({
          keys,
          issuer: config.TOKEN_ISSUER,
          audience: config.TOKEN_AUDIENCE,
          nowMs,
          newId,
        }),
        allowedRoles: config.ALLOWED_ROLES,
        nowMs,
        newId,
        log,
      }),
      adminRoutes: {
        "/.well-known/jwks.json": async () => ({ contentType: "application/json", body: await keys.jwks() }),
      },
    };
  },
});

if (import.meta.main) await run(program);
