// The journal's table, and its rows as records.
//
// What is in a column that is not plain to see:
//   owner        the process that has the saga in hand; empty when it was put down (J4)
//   fence        1 with whoever began the saga, raised by whoever takes it over (J1)
//   wakes        how often it was woken; a process that puts it down compares (J5)
//   waiting_for  what the step at `position` waits for, or has waited for (S7)
//   attempts     how often it was put down by an outage since the last progress

import type { Migration } from "./postgres-migrations.ts";
import type { Data, SagaRefusal } from "./saga.ts";
import { fromJson, type sealer } from "./saga-seal.ts";
import { type TrailLine, trailFromJson } from "./saga-trail.ts";
import type { Rows } from "./write.ts";

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
  /** How often it was put down by an outage since the last progress. */
  readonly attempts: number;
  /** What the step at `position` has said that it waits for. */
  readonly waitingFor: string | undefined;
  /** Nobody has it in hand. */
  readonly isPutDown: boolean;
  readonly wakes: number;
  readonly trail: readonly TrailLine[];
  readonly fence: bigint;
  readonly traceparent: string;
  /** What the statements beside the journal's gave, of a record that was just committed here. */
  readonly rows?: Rows;
};

/** By whoever has it now: it was begun, and perhaps brought further, by another process or before it was put down. */
export function wasTakenUp({ fence }: Pick<SagaRecord, "fence">): boolean {
  return fence > 1n;
}

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
  {
    id: "0000-sagas-waiting",
    sql: `
      -- Defaults for all, so that the version before this one can go on writing its rows.
      alter table sagas add column waiting_for text, add column wakes integer not null default 0,
        add column trail json not null default '[]';
      create index sagas_latest on sagas (updated_at, id);
      drop index sagas_stuck;
    `,
  },
];

export const sagaColumns =
  "id, name, version, status, request_hash, input::text, secrets, position, results::text, refusal::text, attempts, owner, waiting_for, wakes, trail::text, fence, traceparent";

export type SagaRow = {
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
  owner: string;
  waiting_for: string | null;
  wakes: number;
  trail: string;
  fence: bigint;
  traceparent: string;
};

/** Without its secrets, which do not open or are not needed. */
export function closedRecordOf(row: SagaRow, seal: ReturnType<typeof sealer>): SagaRecord {
  return recordOf({ ...row, secrets: null }, seal);
}

/** Throws when its secrets do not open. */
export function recordOf(row: SagaRow, seal: ReturnType<typeof sealer>): SagaRecord {
  return {
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
    waitingFor: row.waiting_for ?? undefined,
    isPutDown: row.owner === "",
    wakes: row.wakes,
    trail: trailFromJson(row.trail),
    fence: row.fence,
    traceparent: row.traceparent,
  };
}
