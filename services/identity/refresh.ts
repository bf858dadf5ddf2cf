// Exchange a refresh token for new tokens, once.

import type { Log, Role } from "@webstore/kit";
import { refusals } from "./refusals.ts";
import { judge, type RefreshToken, refreshTokenHash } from "./session.ts";
import type { SessionStore } from "./session-store.ts";
import type { IssuedTokens, TokenIssuer } from "./token-issuer.ts";
import type { UserStore } from "./user-store.ts";

export type RefreshParts = {
  users: UserStore;
  sessions: SessionStore;
  issueTokens: TokenIssuer;
  allowedRoles: ReadonlySet<Role>;
  nowMs: () => number;
  log: Pick<Log, "warn">;
};

export async function refresh(parts: RefreshParts, refreshToken: string): Promise<IssuedTokens> {
  const { users, sessions, issueTokens, allowedRoles } = parts;
  const tokenHash = refreshTokenHash(refreshToken);
  const token = await sessions.find(tokenHash);
  const verdict = judge(token, parts.nowMs());
  if (token === undefined || verdict === "invalid") throw refusals.refuse("invalid_refresh_token");
  if (verdict === "reused") throw await reused(parts, token);
  const user = await users.find(token.userId);
  if (user === undefined || !allowedRoles.has(user.role)) throw refusals.refuse("invalid_refresh_token");

  const tokens = await issueTokens(user);
  const rotated = await sessions.rotate({
    sessionId: token.sessionId,
    tokenHash,
    nextTokenHash: tokens.refreshTokenHash,
    nowMs: parts.nowMs(),
    expireTimeMs: tokens.refreshTokenExpireTimeMs,
  });
  // Somebody else was faster with the same token.
  if (!rotated) throw await reused(parts, token);
  return tokens;
}

async function reused({ sessions, nowMs, log }: RefreshParts, { sessionId, userId }: RefreshToken) {
  await sessions.revoke(sessionId, nowMs());
  log.warn({ user_id: userId }, "a refresh token was used twice: its login is revoked");
  return refusals.refuse("refresh_token_reused");
}
