// The saga's memory: one row a saga in the service's own schema, so that a step that writes there
// is one commit with the journal.
//
// Invariants:
//   J1. A row is changed only under its current fence; a claim raises the fence. An owner that was
//       thought dead and is not can therefore write nothing more (`saga_fenced`).
//   J2. A secret stands in `secrets` only, sealed, and is gone with the commit that ends the saga.
//   J3. A claim takes only sagas whose name and version the claimer knows: during a rollout the
//       old version's sagas are finished by the old version.

import type { Postgres } from "./postgres.ts";
import type { Migration } from "./postgres-migrations.ts";
import type { AnySaga, Data, SagaRefusal } from "./saga.ts";
import { divide, fromJson, sealer, toJson } from "./saga-seal.ts";
import type { Write } from "./write.ts";

/** `running` forward, `undoing` backward; `done` and `refused` are ends; `stuck` is undoing that a person should look at. */
export type SagaStatus = "running" | "undoing" | "done" | "refused" | "stuck";

export type SagaRecord = {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly requestHash: string;
  readonly input: Record<string, Data>;
  readonly status: SagaStatus;
  /** Steps before this one are done; going backward, they are what is left to undo. */
  readonly position: number;
  readonly results: Record<string, unknown>;
  readonly refusal: SagaRefusal | undefined;
  /** How often an undo was given up on since the last progress. */
  readonly attempts: number;
  readonly fence: bigint;
  readonly traceparent: string;
};

export type Beginning = Pick<SagaRecord, "id" | "requestHash" | "input" | "traceparent"> & {
  readonly saga: AnySaga;
};
type Progress = Pick<SagaRecord, "status" | "position" | "results" | "refusal">;

export type Journal = {
  /** One commit. `undefined` where a saga of this id exists already. */
  begin(is: Beginning): Promise<SagaRecord | undefined>;
  /** One commit: the progress, and with it whatever else is to stand or fall with it. Throws WriteRefused `saga_fenced`. */
  advance(record: SagaRecord, to: Progress, ...also: Write[]): Promise<SagaRecord>;
  /** Gives a saga up for now: it may be claimed again after `afterMs`; without it, only when a person says so. */
  park(record: SagaRecord, is: { afterMs?: number; stuck: boolean; error: string }): Promise<void>;
  claim(sagas: readonly AnySaga[], limit: number): Promise<SagaRecord[]>;
  /** Says that these are still being worked on. */
  renew(ids: readonly string[]): Promise<void>;
  /** Lets others take these at once: this process stops. */
  release(ids: readonly string[]): Promise<void>;
  find(id: string): Promise<SagaRecord | undefined>;
};

export const sagaMigrations: readonly Migration[] = [
  {
    id: "0000-sagas",
    sql: `
      create table sagas (
        id uuid primary key,
        name text not null,
        version integer not null,
        status text not null check (status in ('running', 'undoing', 'done', 'refused', 'stuck')),
        request_hash text not null,
        input jsonb not null,
        secrets bytea,
        position integer not null,
        results jsonb not null,
        refusal jsonb,
        attempts integer not null default 0,
        error text,
        owner text not null,
        fence bigint not null default 1,
        lease_until timestamptz not null,
        traceparent text not null,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        check (secrets is null or status not in ('done', 'refused'))
      );
      create index sagas_unfinished on sagas (lease_until) where status in ('running', 'undoing', 'stuck');
      create index sagas_stuck on sagas (updated_at) where status = 'stuck';
    `,
  },
];

const columns =
  "id, name, version, status, request_hash, input::text, secrets, position, results::text, refusal::text, attempts, fence, traceparent";

type Row = {
  id: string;
  name: string;
  version: number;
  status: SagaStatus;
  request_hash: string;
  input: string;
  secrets: Uint8Array | null;
  position: number;
  results: string;
  refusal: string | null;
  attempts: number;
  fence: bigint;
  traceparent: string;
};

/** `owner` names this process; `leaseMs` is how long it is believed alive without a sign; `key` seals secrets. */
export function openJournal(is: {
  postgres: Postgres;
  owner: string;
  leaseMs: number;
  key: string;
}): Journal {
  const { postgres, owner, leaseMs } = is;
  const seal = sealer(is.key);

  const recordOf = (row: Row): SagaRecord => ({
    id: row.id,
    name: row.name,
    version: row.version,
    status: row.status,
    requestHash: row.request_hash,
    input: { ...fromJson<Record<string, Data>>(row.input), ...seal.open(row.id, row.secrets) },
    position: row.position,
    results: fromJson(row.results),
    refusal: row.refusal === null ? undefined : fromJson(row.refusal),
    attempts: row.attempts,
    fence: row.fence,
    traceparent: row.traceparent,
  });

  return {
    async begin({ id, saga, requestHash, input, traceparent }) {
      const { open, secret } = divide(input, saga.options.secrets ?? []);
      const [rows] = await postgres.commit([
        {
          name: "saga_begin",
          text: `insert into sagas (id, name, version, status, request_hash, input, secrets, position, results, owner, lease_until, traceparent)
                 values ($1, $2, $3, 'running', $4, $5, $6, 0, '{}', $7, clock_timestamp() + $8 * interval '1 ms', $9)
                 on conflict (id) do nothing returning fence`,
          values: [
            id,
            saga.name,
            saga.options.version,
            requestHash,
            toJson(open),
            seal.close(id, secret),
            owner,
            leaseMs,
            traceparent,
          ],
        },
      ]);
      const [inserted] = rows as { fence: bigint }[];
      if (inserted === undefined) return undefined;
      const fresh = { status: "running", position: 0, results: {}, refusal: undefined, attempts: 0 } as const;
      return {
        id,
        name: saga.name,
        version: saga.options.version,
        requestHash,
        input,
        traceparent,
        ...fresh,
        ...inserted,
      };
    },

    async advance(record, to, ...also) {
      const advanced: Write = [
        {
          name: "saga_advance",
          text: `with advanced as (
                   update sagas set status = $3, position = $4, results = $5, refusal = $6, attempts = 0, error = null,
                     secrets = case when $3 in ('done', 'refused') then null else secrets end,
                     lease_until = clock_timestamp() + $7 * interval '1 ms', updated_at = now()
                   where id = $1 and fence = $2 returning 1)
                 select webstore_expect((select count(*) from advanced) = 1, 'saga_fenced')`,
          values: [
            record.id,
            record.fence,
            to.status,
            to.position,
            toJson(to.results),
            toJson(to.refusal),
            leaseMs,
          ],
        },
      ];
      await postgres.commit(advanced, ...also);
      return { ...record, ...to, attempts: 0 };
    },

    ...leasesOf({ postgres, owner, leaseMs, recordOf }),

    async find(id) {
      const [row] = await postgres.query<Row>(
        `select ${columns} from sagas where id = $1`,
        [id],
        "saga_find",
      );
      return row === undefined ? undefined : readable(row, recordOf);
    },
  };
}

/** Whoever only looks needs no secrets, and learns where a saga stands also when they do not open. */
function readable(row: Row, recordOf: (row: Row) => SagaRecord): SagaRecord {
  try {
    return recordOf(row);
  } catch {
    return recordOf({ ...row, secrets: null });
  }
}

/** Who works on what: claims, signs of life, and giving up. */
function leasesOf(is: {
  postgres: Postgres;
  owner: string;
  leaseMs: number;
  recordOf: (row: Row) => SagaRecord;
}): Pick<Journal, "park" | "claim" | "renew" | "release"> {
  const { postgres, owner, leaseMs, recordOf } = is;
  const park = async (
    record: Pick<SagaRecord, "id" | "fence">,
    { afterMs, stuck, error }: Parameters<Journal["park"]>[1],
  ) => {
    await postgres.query(
      `update sagas set status = case when $3 then 'stuck' else status end, attempts = attempts + 1, error = $4,
         lease_until = coalesce(clock_timestamp() + $5 * interval '1 ms', 'infinity'), updated_at = now()
       where id = $1 and fence = $2`,
      [record.id, record.fence, stuck, error.slice(0, 500), afterMs ?? null],
    );
  };
  return {
    park,

    async claim(sagas, limit) {
      const rows = await postgres.query<Row>(
        `with due as (
           select id from sagas
           where status in ('running', 'undoing', 'stuck') and lease_until < clock_timestamp()
             and (name, version) in (select * from unnest($1::text[], $2::integer[]))
           order by lease_until limit $3 for update skip locked)
         update sagas set owner = $4, fence = fence + 1, lease_until = clock_timestamp() + $5 * interval '1 ms'
         where id in (select id from due) returning ${columns}`,
        [sagas.map(({ name }) => name), sagas.map(({ options }) => options.version), limit, owner, leaseMs],
        "saga_claim",
      );
      const records: SagaRecord[] = [];
      for (const row of rows) {
        try {
          records.push(recordOf(row));
        } catch {
          // Sealed under another key: nobody here can go on with it, and it must not hold up the others.
          const error = "its secrets do not open: was the journal's key changed?";
          await park({ id: row.id, fence: row.fence }, { stuck: true, error });
        }
      }
      return records;
    },

    async renew(ids) {
      await postgres.query(
        `update sagas set lease_until = clock_timestamp() + $3 * interval '1 ms'
         where id = any($1::uuid[]) and owner = $2 and status in ('running', 'undoing', 'stuck')`,
        [ids, owner, leaseMs],
      );
    },

    async release(ids) {
      await postgres.query(
        // Fenced, too: what the stopping process still has in hand commits nothing more.
        `update sagas set lease_until = clock_timestamp(), fence = fence + 1
         where id = any($1::uuid[]) and owner = $2 and status in ('running', 'undoing', 'stuck')`,
        [ids, owner],
      );
    },
  };
}
