// Bearer tokens of every sort: good ones by logging in, expired ones as a thief of the signing key would make them, and
// forged ones.

import { createDecipheriv } from "node:crypto";
import { decodeJwt, decodeProtectedHeader, generateKeyPair, importJWK, type JWK, SignJWT } from "jose";
import pg from "pg";

export type BadTokens = {
  readonly expired: string;
  readonly forged: string;
  readonly unsigned: string;
  /** What signs the good ones: it may stand nowhere either. */
  readonly privateKey: string;
};

/** `sealedUnder`: what IDENTITY_KEY_ENCRYPTION_KEY is. */
export async function badTokensLike(
  good: string,
  is: { databaseUrl: string; sealedUnder: string },
): Promise<BadTokens> {
  const header = decodeProtectedHeader(good) as { alg: string; kid: string };
  const claims = decodeJwt(good);
  const own = await signingKey(is.databaseUrl, header.kid, Buffer.from(is.sealedUnder, "base64"));
  const { privateKey: foreign } = await generateKeyPair("ES256");
  const nowS = Math.floor(Date.now() / 1_000);
  const late = { ...claims, iat: nowS - 1_000, exp: nowS - 100 };
  const [, payload = ""] = good.split(".");
  return {
    expired: await new SignJWT(late).setProtectedHeader(header).sign(await importJWK(own, "ES256")),
    forged: await new SignJWT({ ...claims, role: "admin" }).setProtectedHeader(header).sign(foreign),
    unsigned: `${Buffer.from(JSON.stringify({ alg: "none" })).toString("base64url")}.${payload}.`,
    privateKey: own.d ?? "",
  };
}

/** As services/identity/private-key-seal.ts writes it: `aes-256-gcm:` and nonce.tag.ciphertext, bound to the key's id. */
async function signingKey(databaseUrl: string, keyId: string, key: Buffer): Promise<JWK> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ sealed: string }>(
      "select sealed_private_jwk as sealed from identity.signing_keys where key_id = $1",
      [keyId],
    );
    const [nonce, tag, text] = (rows[0]?.sealed ?? "")
      .replace(/^aes-256-gcm:/, "")
      .split(".")
      .map((part) => Buffer.from(part, "base64url"));
    if (nonce === undefined || tag === undefined || text === undefined)
      throw new Error("the key is not sealed");
    const decipher = createDecipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(keyId)).setAuthTag(tag);
    return JSON.parse(Buffer.concat([decipher.update(text), decipher.final()]).toString("utf8")) as JWK;
  } finally {
    await client.end();
  }
}
