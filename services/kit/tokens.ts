// Who a bearer token belongs to. Access tokens are ES256 JWTs, verified against the keys that
// identity publishes; the keys are fetched when first needed and again when an unknown one appears.
//
// Invariants:
//   T1. Signature, expiry, issuer, audience, `typ` = access and the required claims are all checked
//       before a token is believed. A refresh token is never an access token.
//   T2. A verified token is remembered until it expires and no longer than a minute, by its
//       hash; a bad one is not remembered.

import { createHash } from "node:crypto";
import { createRemoteJWKSet, errors, jwtVerify } from "jose";
import type { Principal, Role } from "./context.ts";
import { kitRefusals, Outage } from "./refusal.ts";

export type User = Extract<Principal, { kind: "user" }>;
export type TokenVerifier = (bearerToken: string) => Promise<User>;

const rememberedMax = 10_000;
const rememberedForMs = 60_000;
const tokenLengthMax = 4_096;

/** The demo's opaque tokens and whose they are; the users are seeded by identity under these ids. */
export const demoUsers = {
  ada: {
    userId: "00000000-0000-4000-8000-000000000001",
    username: "ada",
    role: "user",
    token: "user-token-123",
  },
  grace: {
    userId: "00000000-0000-4000-8000-000000000002",
    username: "grace",
    role: "admin",
    token: "admin-token-456",
  },
  test: {
    userId: "00000000-0000-4000-8000-000000000003",
    username: "test",
    role: "user",
    token: "test-token-789",
  },
} as const;

export function tokenVerifier(is: {
  jwksUrl: string;
  issuer: string;
  audience: string;
  demoTokens: boolean;
  nowMs?: () => number;
}): TokenVerifier {
  const nowMs = is.nowMs ?? Date.now;
  const keys = createRemoteJWKSet(new URL(is.jwksUrl), { timeoutDuration: 2_000, cooldownDuration: 5_000 });
  const remembered = new Map<string, { user: User; untilMs: number }>();
  const demo = new Map<string, User>(
    Object.values(demoUsers).map(({ token, userId, role }) => [token, { kind: "user", userId, role }]),
  );

  return async (token) => {
    if (token.length > tokenLengthMax) throw kitRefusals.refuse("unauthenticated");
    const demoUser = is.demoTokens ? demo.get(token) : undefined;
    if (demoUser !== undefined) return demoUser;

    const hash = createHash("sha256").update(token).digest("base64");
    const known = remembered.get(hash);
    if (known !== undefined && known.untilMs > nowMs()) return known.user;

    const { user, expiresAtMs } = await verify(token);
    if (remembered.size >= rememberedMax) remembered.clear();
    remembered.set(hash, { user, untilMs: Math.min(expiresAtMs, nowMs() + rememberedForMs) });
    return user;
  };

  async function verify(token: string): Promise<{ user: User; expiresAtMs: number }> {
    try {
      const { payload } = await jwtVerify(token, keys, {
        algorithms: ["ES256"],
        issuer: is.issuer,
        audience: is.audience,
        requiredClaims: ["sub", "role", "exp", "iat", "jti", "typ"],
        currentDate: new Date(nowMs()),
      });
      if (payload.typ !== "access" || !isRole(payload.role)) throw kitRefusals.refuse("unauthenticated");
      const user: User = { kind: "user", userId: payload.sub as string, role: payload.role };
      return { user, expiresAtMs: (payload.exp as number) * 1_000 };
    } catch (error) {
      if (keysUnavailable(error))
        throw new Outage("identity", "the signing keys cannot be fetched", { cause: error });
      throw kitRefusals.refuse("unauthenticated");
    }
  }
}

function isRole(role: unknown): role is Role {
  return role === "user" || role === "admin";
}

/** Not the token's fault: identity did not answer. A user must not be logged out by that. */
function keysUnavailable(error: unknown): boolean {
  if (error instanceof errors.JWKSTimeout) return true;
  // What jose throws when the endpoint answers anything but 200.
  if (error instanceof errors.JOSEError && error.code === "ERR_JOSE_GENERIC") return true;
  return !(error instanceof errors.JOSEError) && !(error instanceof Error && error.name === "Refusal");
}
