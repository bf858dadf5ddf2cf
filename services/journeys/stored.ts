// What the store has stored, as one value that can be compared: a fingerprint of every table, and the partners' lists.

import pg from "pg";
import type { readPartners } from "./partners.ts";

export type Stored = Readonly<Record<string, string>>;

/** Who reads what of the bus at the moment: it ticks without anybody asking for anything. */
const clockwork = ["bus.claims", "bus.members"];

export async function readStored(
  databaseUrl: string,
  partners: ReturnType<typeof readPartners>,
): Promise<Stored> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows: tables } = await client.query<{ schema: string; name: string }>(
      `select schemaname as schema, tablename as name from pg_tables
       where schemaname not in ('pg_catalog', 'information_schema') order by 1, 2`,
    );
    const stored: Record<string, string> = {};
    for (const { schema, name } of tables) {
      if (clockwork.includes(`${schema}.${name}`)) continue;
      const { rows } = await client.query<{ rows: string; all: string | null }>(
        `select count(*)::text as rows, md5(string_agg(each::text, ',' order by each::text)) as all
         from "${schema}"."${name}" as each`,
      );
      stored[`${schema}.${name}`] = `${rows[0]?.rows} rows, ${rows[0]?.all}`;
    }
    stored["the provider's payments"] = JSON.stringify(await partners.intents());
    stored["the provider's refunds"] = JSON.stringify(await partners.refunds());
    stored["the inventory's reservations"] = JSON.stringify(await partners.reserved());
    return stored;
  } finally {
    await client.end();
  }
}
