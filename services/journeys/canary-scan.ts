// Looks for canaries: in texts, in bytes, in every row of a database, in the files of a folder.
//
// Invariants:
//   N1. A text is looked through whole, for every canary that is known at that moment, and a find is told with its place.
//   N2. Nothing is passed over silently. What may be found is in a list, each entry with its place and its reason; an
//       entry that excuses nothing any more is found, too.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import pg from "pg";
import type { Canary } from "./canary-secrets.ts";

export type Find = { readonly where: string; readonly canary: string; readonly excerpt: string };

/** A place where canaries are meant to be. Both patterns must match. */
export type Exemption = {
  readonly where: RegExp;
  readonly canary: RegExp;
  /** Whether this text may hold it; left out: any may. */
  readonly text?: (text: string) => boolean;
  readonly reason: string;
};

export type Scan = {
  learn(...canaries: readonly Canary[]): void;
  text(where: string, text: string): void;
  bytes(where: string, bytes: Uint8Array): void;
  /** Every leak, once for each place and canary. */
  finds(): readonly Find[];
  /** The reasons of exemptions that have excused nothing. */
  unused(): readonly string[];
  /** How many characters were looked through, by the first word of their places. */
  read(): Readonly<Record<string, number>>;
};

const excerptAround = 60;

export function openScan(is: { canaries: readonly Canary[]; exemptions?: readonly Exemption[] }): Scan {
  const exemptions = is.exemptions ?? [];
  const canaries = is.canaries.map(prepared);
  const finds = new Map<string, Find>();
  const used = new Set<Exemption>();
  const read: Record<string, number> = {};

  function text(where: string, given: string): void {
    const kind = where.split(" ")[0] ?? "";
    read[kind] = (read[kind] ?? 0) + given.length;
    const lower = given.toLowerCase();
    for (const canary of canaries) {
      const at = placeOf(lower, canary);
      if (at === -1) continue;
      const excerpt = given.slice(Math.max(0, at - excerptAround), at + excerptAround).replace(/\s+/g, " ");
      const exemption = exemptions.find(
        (each) => each.where.test(where) && each.canary.test(canary.name) && (each.text?.(given) ?? true),
      );
      if (exemption !== undefined) used.add(exemption);
      else finds.set(`${where} ${canary.name}`, { where, canary: canary.name, excerpt });
    }
  }

  return {
    learn: (...more) => void canaries.push(...more.map(prepared)),
    text,
    // One character a byte: a canary is ASCII, and whatever surrounds it cannot hide it.
    bytes: (where, bytes) => text(where, Buffer.from(bytes).toString("latin1")),
    finds: () => [...finds.values()],
    unused: () => exemptions.filter((each) => !used.has(each)).map(({ reason }) => reason),
    read: () => ({ ...read }),
  };
}

type Prepared = Canary & { readonly lower: readonly string[] };

const prepared = (canary: Canary): Prepared => ({
  ...canary,
  lower: [...new Set(canary.needles.map((needle) => needle.toLowerCase()))],
});

function placeOf(text: string, { lower, pattern }: Prepared): number {
  for (const needle of lower) {
    const at = text.indexOf(needle);
    if (at !== -1) return at;
  }
  return pattern === undefined ? -1 : text.search(pattern);
}

const byteaOid = 17;
const rowsAtOnce = 500;

/** Every column of every row of every table; bytes as they are, all else as PostgreSQL writes it. */
export async function scanDatabase(scan: Scan, databaseUrl: string, place = "row"): Promise<number> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows: tables } = await client.query<{ schema: string; name: string }>(
      `select schemaname as schema, tablename as name from pg_tables
       where schemaname not in ('pg_catalog', 'information_schema') order by 1, 2`,
    );
    let count = 0;
    await client.query("begin isolation level repeatable read read only");
    for (const { schema, name } of tables) count += await scanTable(scan, client, { schema, name, place });
    return count;
  } finally {
    await client.end();
  }
}

async function scanTable(
  scan: Scan,
  client: pg.Client,
  { schema, name, place }: { schema: string; name: string; place: string },
): Promise<number> {
  await client.query(`declare every no scroll cursor for select * from "${schema}"."${name}"`);
  let count = 0;
  for (;;) {
    const { rows } = await client.query<Record<string, string | Buffer | null>>({
      text: `fetch ${rowsAtOnce} from every`,
      types: { getTypeParser: (oid: number) => (oid === byteaOid ? bytesOf : String) as never },
    });
    count += rows.length;
    for (const row of rows) {
      for (const [column, value] of Object.entries(row)) {
        const where = `${place} ${schema}.${name}.${column}`;
        if (typeof value === "string") scan.text(where, value);
        else if (value !== null) scan.bytes(where, value);
      }
    }
    if (rows.length < rowsAtOnce) break;
  }
  await client.query("close every");
  return count;
}

/** PostgreSQL's text of bytes is `\x` and hexadecimal. */
const bytesOf = (text: string) => Buffer.from(text.slice(2), "hex");

/** Every file below a folder but those that `skip` matches, by their paths in it. */
export function scanFiles(scan: Scan, folder: string, skip: RegExp): void {
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const path = join(folder, name);
    const place = relative(folder, path);
    if (!skip.test(place) && statSync(path).isFile()) scan.bytes(`file ${place}`, readFileSync(path));
  }
}
