// Exchange a name and a password for tokens.
//
// Whatever is wrong, the refusal is the same and so is the work before it: nobody learns which names exist.

import type { Role } from "@webstore/kit";
import type { Passwords } from "./passwords.ts";
import { refusals } from "./refusals.ts";
import type { SessionStore } from "./session-store.ts";
import type { IssuedTokens, TokenIssuer } from "./token-issuer.ts";
import { isUsername, normalizeUsername } from "./user.ts";
import type { UserStore } from "./user-store.ts";

export type LoginParts = {
  users: UserStore;
  sessions: SessionStore;
  passwords: Passwords;
  issueTokens: TokenIssuer;
  allowedRoles: ReadonlySet<Role>;
  nowMs: () => number;
  newId: () => string;
};

export async function login(
  parts: LoginParts,
  is: { username: string; password: string },
): Promise<IssuedTokens> {
  const { users, sessions, passwords, issueTokens, allowedRoles } = parts;
  const username = normalizeUsername(is.username);
  const account = isUsername(username) ? await users.findAccount(username) : undefined;
  const matches = await passwords.verify(account?.passwordHash, is.password);
  if (account === undefined || !matches) throw refusals.refuse("invalid_credentials");
  if (!allowedRoles.has(account.role)) throw refusals.refuse("invalid_credentials");

  if (passwords.isOutdated(account.passwordHash)) {
    await users.setPasswordHash(account.userId, await passwords.hash(is.password));
  }
  const tokens = await issueTokens(account);
  await sessions.open({
    sessionId: parts.newId(),
    userId: account.userId,
    tokenHash: tokens.refreshTokenHash,
    nowMs: parts.nowMs(),
    expireTimeMs: tokens.refreshTokenExpireTimeMs,
  });
  return tokens;
}
