// What the store has stored, as one value that can be compared: a fingerprint of every table, and the partners' lists.

import pg from "pg";
import type { readPartners } from "./partners.ts";
import { until } from "./wait.ts";
import { whatWaits } from "./waiting.ts";

export type Stored = Readonly<Record<string, string>>;

/** What ticks without anybody asking for anything: who reads what of the bus, and whose turn it is to look for something. */
const clockwork = [
  "bus.claims",
  "bus.members",
  "ledger.reconciliation_turn",
  "payments.provider_event_sweep",
];
/** What staff are about to do is written down first, also what is then refused. */
const writtenFirst = ["order_processor.audit_entries"];
const quietWithinMs = 60_000;

/** The same when everything that was set in motion has come to rest. */
export async function readStoredAtRest(
  databaseUrl: string,
  partners: ReturnType<typeof readPartners>,
): Promise<Stored> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    let quiet = 0;
    const isQuiet = async () => {
      quiet = (await whatWaits(client, partners)).length === 0 ? quiet + 1 : 0;
      return quiet >= 10;
    };
    await until(isQuiet, quietWithinMs, "the store does not come to rest");
  } finally {
    await client.end();
  }
  return readStored(databaseUrl, partners);
}

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
      if ([...clockwork, ...writtenFirst].includes(`${schema}.${name}`)) continue;
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
