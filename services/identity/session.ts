// The rules for refresh tokens. Pure.
//
// Invariants:
//   R1. A refresh token is good for one use. A second use is taken for theft and revokes the whole session, for
//       nobody can tell which of the two users is the thief.
//   R2. Only a hash of it is kept: the store cannot be used to log in.

import { createHash } from "node:crypto";

/** A refresh token as the store knows it, with the session that it belongs to. */
export type RefreshToken = {
  readonly sessionId: string;
  readonly userId: string;
  readonly expireTimeMs: number;
  readonly spent: boolean;
  readonly revoked: boolean;
};

export const refreshTokenLifeMs = 30 * 24 * 3_600_000;

/** More logins of one user at a time than this end the oldest. */
export const sessionsPerUserMax = 100;

/** How many spent tokens of a session are remembered; an older one is unknown, which is refused as well. */
export const spentTokensMax = 1_000;

export function refreshTokenHash(refreshToken: string): string {
  return createHash("sha256").update(refreshToken).digest("base64url");
}

export function judge(token: RefreshToken | undefined, nowMs: number): "good" | "invalid" | "reused" {
  if (token === undefined || token.revoked || token.expireTimeMs <= nowMs) return "invalid";
  return token.spent ? "reused" : "good";
}
