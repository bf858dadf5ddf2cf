// Tokens that must not be believed, each made from a good one, so that it is wrong in one thing only.

import { generateKeyPairSync, sign } from "node:crypto";
import { runIn, type Where } from "./inside.ts";

type Claims = Readonly<Record<string, unknown>>;

const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

function partsOf(token: string): { header: Claims; payload: Claims; signature: string } {
  const [header = "", payload = "", signature = ""] = token.split(".");
  const decoded = (part: string) => JSON.parse(Buffer.from(part, "base64url").toString("utf8")) as Claims;
  return { header: decoded(header), payload: decoded(payload), signature };
}

/** By what is wrong with it. */
export function forgeriesOf(token: string): Readonly<Record<string, string>> {
  const { header, payload, signature } = partsOf(token);
  const stranger = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const signed = (head: Claims, body: Claims) => {
    const text = `${encoded(head)}.${encoded(body)}`;
    const by = { key: stranger, dsaEncoding: "ieee-p1363" } as const;
    return `${text}.${sign("sha256", Buffer.from(text), by).toString("base64url")}`;
  };
  return {
    "signed with another key under the store's key id": signed(header, payload),
    "signed with another key under its own id": signed({ ...header, kid: "another" }, payload),
    "a shopper's, with the role changed and the signature kept": `${encoded(header)}.${encoded({ ...payload, role: "admin" })}.${signature}`,
    "alg none, without a signature": `${encoded({ alg: "none", typ: "JWT" })}.${encoded(payload)}.`,
    "alg none, with the good one's signature": `${encoded({ alg: "none", typ: "JWT" })}.${encoded(payload)}.${signature}`,
    "another issuer's": signed(header, { ...payload, iss: "elsewhere.example" }),
  };
}

/** Signed with the store's own key, by the identity service's own code: what only time makes wrong. */
export function signedByStore(
  identity: Where,
  token: string,
  lives: { fromSeconds: number; toSeconds: number },
) {
  return runIn<string>(
    identity,
    `
    import pg from "pg";
    import { importJWK, SignJWT } from "jose";
    import { privateKeySeal } from "./services/identity/private-key-seal.ts";
    const database = new pg.Client({ connectionString: process.env.DATABASE_URL });
    await database.connect();
    const { rows } = await database.query("select key_id, sealed_private_jwk from identity.signing_keys order by create_time");
    await database.end();
    const seal = privateKeySeal(Buffer.from(process.env.IDENTITY_KEY_ENCRYPTION_KEY, "base64"));
    const header = ${JSON.stringify(partsOf(token).header)};
    const { key_id: keyId, sealed_private_jwk: sealed } = rows.find((row) => row.key_id === header.kid);
    const key = await importJWK(seal.open(keyId, sealed), "ES256");
    const seconds = Math.floor(Date.now() / 1_000);
    const claims = {
      ...${JSON.stringify(partsOf(token).payload)},
      iat: seconds + (${lives.fromSeconds}),
      exp: seconds + (${lives.toSeconds}),
    };
    console.log(JSON.stringify(await new SignJWT(claims).setProtectedHeader(header).sign(key)));
    process.exit(0);
    `,
  );
}
