// The signing keys in Postgres.

import type { Postgres } from "@webstore/kit";
import type { JWK } from "jose";
import { keysMax, type SigningKeyStore } from "./signing-key-store.ts";

type Row = { key_id: string; public_jwk: JWK; sealed_private_jwk: string; create_time: Date };

export function postgresSigningKeyStore(postgres: Postgres): SigningKeyStore {
  return {
    async list() {
      const rows = await postgres.query<Row>(
        `select key_id, public_jwk, sealed_private_jwk, create_time from signing_keys
         order by create_time desc, key_id`,
        [],
        "signing_key_list",
      );
      return rows.map((row) => ({
        keyId: row.key_id,
        publicJwk: row.public_jwk,
        sealedPrivateJwk: row.sealed_private_jwk,
        createTimeMs: row.create_time.getTime(),
      }));
    },

    async addUnlessNewer({ keyId, publicJwk, sealedPrivateJwk, createTimeMs }, sinceMs) {
      await postgres.commit([
        // One process at a time; the next sees this one's key in its own statement's snapshot.
        {
          text: "select pg_advisory_xact_lock(hashtextextended('signing keys ' || current_schema(), 0))",
          values: [],
        },
        {
          text: `insert into signing_keys (key_id, public_jwk, sealed_private_jwk, create_time)
                 select $1, $2, $3, $4 where not exists (select from signing_keys where create_time > $5)`,
          values: [keyId, publicJwk, sealedPrivateJwk, new Date(createTimeMs), new Date(sinceMs)],
        },
        {
          text: `delete from signing_keys where key_id in (
                   select key_id from signing_keys order by create_time desc, key_id offset ${keysMax})`,
          values: [],
        },
      ]);
    },
  };
}
