// The saga's memory: one row a saga in the service's own schema, so that a step that writes there
// is one commit with the journal.
//
// Invariants:
//   J1. A row is changed only under its current fence; a claim raises the fence. An owner that was
//       thought dead and is not can therefore write nothing more (`saga_fenced`).
//   J2. A secret stands in `secrets` only, sealed, and is gone with the commit that ends the saga.
//   J3. A claim takes only sagas whose name and version the claimer knows: during a rollout the
//       old version's sagas are finished by the old version.
//   J4. `owner` is empty exactly when the saga was put down (parked): nobody works on it, and it may be taken up when
//       its lease has ended or when it is woken.
//   J5. No wake is lost. A wake of a saga that somebody has in hand is counted in its row, and whoever puts it
//       down then finds, under the row's lock, that it is due at once.
//   J6. What happened (saga-trail.ts) is written by the statements that are made anyway.
//   J7. A saga whose secrets do not open here is left to those who can open them: it is put down, for longer each
//       time, and shown as stuck after its rounds. One that has turned back goes on without them (S5).

import type { Postgres } from "./postgres.ts";
import type { AnySaga } from "./saga.ts";
import { leasesOf } from "./saga-leases.ts";
import { closedRecordOf, recordOf, type SagaRecord, type SagaRow, sagaColumns } from "./saga-schema.ts";
import { divide, sealer, toJson } from "./saga-seal.ts";
import { type TrailLine, trailToJson } from "./saga-trail.ts";
import type { Write } from "./write.ts";

export { type SagaRecord, type SagaStatus, sagaMigrations } from "./saga-schema.ts";

export type Beginning = Pick<SagaRecord, "id" | "requestHash" | "input" | "traceparent"> & {
  readonly saga: AnySaga;
};
export type Progress = Pick<SagaRecord, "status" | "position" | "results" | "refusal"> & {
  /** All its lines; without them they stay as they are. */
  readonly trail?: readonly TrailLine[];
};

export type Journal = {
  /** One commit. `undefined` where a saga of this id exists already. */
  begin(is: Beginning): Promise<SagaRecord | undefined>;
  /** One commit: the progress, and with it whatever else is to stand or fall with it. Throws WriteRefused `saga_fenced`. */
  advance(record: SagaRecord, to: Progress, ...also: Write[]): Promise<SagaRecord>;
  /**
   * Commits the progress and puts the saga down: it may be taken up again after `afterMs`, at most a day; without it,
   * only when a person says so. `failed` counts as an attempt; `waitingFor` says that an answer is awaited. `woken`:
   * it was woken in the meantime and is due now. Throws WriteRefused `saga_fenced`.
   */
  park(
    record: SagaRecord,
    is: { to: Progress; afterMs?: number; failed: boolean; error?: string; waitingFor: string | undefined },
  ): Promise<{ woken: boolean }>;
  claim(sagas: readonly AnySaga[], limit: number): Promise<SagaRecord[]>;
  /** Claims this one if nobody has it in hand and its saga is among these; otherwise it is due at once for those who know it. */
  wake(id: string, sagas: readonly AnySaga[]): Promise<SagaRecord | undefined>;
  /** Says that these are still being worked on. */
  renew(ids: readonly string[]): Promise<void>;
  /** Lets others take these at once: this process stops. */
  release(ids: readonly string[]): Promise<void>;
  find(id: string): Promise<SagaRecord | undefined>;
};

/**
 * `owner` names this process; `leaseMs` is how long it is believed alive without a sign. `key` seals secrets: one key, or
 * several separated by commas, of which the first seals and all open. To replace one, every process is given
 * `old,new`, then `new,old`, and then, when no saga of before is left, `new`.
 */
export function openJournal(is: {
  postgres: Postgres;
  owner: string;
  leaseMs: number;
  key: string;
}): Journal {
  const { postgres, owner, leaseMs } = is;
  const seal = sealer(is.key);

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
      const asleep = { waitingFor: undefined, isPutDown: false, wakes: 0, trail: [] } as const;
      return {
        id,
        name: saga.name,
        version: saga.options.version,
        requestHash,
        input,
        traceparent,
        ...fresh,
        ...asleep,
        ...inserted,
      };
    },

    async advance(record, to, ...also) {
      const { trail = record.trail } = to;
      const advanced: Write = [
        {
          name: "saga_advance",
          text: `with advanced as (
                   update sagas set status = $3, position = $4, results = $5, refusal = $6, attempts = 0, error = null,
                     waiting_for = null, trail = $8,
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
            trailToJson(trail),
          ],
        },
      ];
      const [, ...rows] = await postgres.commit(advanced, ...also);
      return { ...record, ...to, trail, attempts: 0, waitingFor: undefined, isPutDown: false, rows };
    },

    ...leasesOf({ postgres, owner, leaseMs, seal }),

    async find(id) {
      const [row] = await postgres.query<SagaRow>(
        `select ${sagaColumns} from sagas where id = $1`,
        [id],
        "saga_find",
      );
      return row === undefined ? undefined : readable(row, seal);
    },
  };
}

/** Whoever only looks needs no secrets, and learns where a saga stands also when they do not open. */
function readable(row: SagaRow, seal: ReturnType<typeof sealer>): SagaRecord {
  try {
    return recordOf(row, seal);
  } catch {
    return closedRecordOf(row, seal);
  }
}
