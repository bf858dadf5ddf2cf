// Tokens: JWTs signed with ES256, an access token and a refresh token at a time.
//
// Invariant: `typ` tells the two apart, and whoever accepts one checks it. A refresh token is found by its hash when
// it comes back, so only what was issued, whole, is found, and signing keys need not outlive access tokens.

import type { Role } from "@webstore/kit";
import { SignJWT } from "jose";
import type { KeyRing } from "./key-ring.ts";
import { refreshTokenHash, refreshTokenLifeMs } from "./session.ts";
import { accessTokenLifeMs } from "./signing-key.ts";

export type IssuedTokens = {
  readonly accessToken: string;
  readonly accessTokenLifeSeconds: number;
  readonly refreshToken: string;
  readonly refreshTokenHash: string;
  readonly refreshTokenExpireTimeMs: number;
};

export type TokenIssuer = (user: { userId: string; role: Role }) => Promise<IssuedTokens>;

export function tokenIssuer(parts: {
  keys: KeyRing;
  issuer: string;
  audience: string;
  nowMs: () => number;
  newId: () => string;
}): TokenIssuer {
  const { keys, issuer, audience, nowMs, newId } = parts;

  return async ({ userId, role }) => {
    const { keyId, privateKey } = await keys.signer();
    const issuedAtMs = nowMs();
    const sign = (claims: { typ: string; role?: Role }, lifeMs: number) =>
      new SignJWT({ ...claims, jti: newId() })
        .setProtectedHeader({ alg: "ES256", kid: keyId, typ: "JWT" })
        .setSubject(userId)
        .setIssuer(issuer)
        .setAudience(audience)
        .setIssuedAt(Math.floor(issuedAtMs / 1_000))
        .setExpirationTime(Math.floor((issuedAtMs + lifeMs) / 1_000))
        .sign(privateKey);
    const [accessToken, refreshToken] = await Promise.all([
      sign({ typ: "access", role }, accessTokenLifeMs),
      sign({ typ: "refresh" }, refreshTokenLifeMs),
    ]);
    return {
      accessToken,
      accessTokenLifeSeconds: accessTokenLifeMs / 1_000,
      refreshToken,
      refreshTokenHash: refreshTokenHash(refreshToken),
      refreshTokenExpireTimeMs: issuedAtMs + refreshTokenLifeMs,
    };
  };
}
