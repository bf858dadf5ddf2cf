// Who works on which saga: putting it down, taking it up, waking it, and signs of life. Part of the journal, whose
// invariants (saga-journal.ts) are J1 to J7.

import { type Postgres, WriteRefused } from "./postgres.ts";
import type { AnySaga } from "./saga.ts";
import type { Journal } from "./saga-journal.ts";
import { roundPauseMs } from "./saga-rounds.ts";
import { closedRecordOf, recordOf, type SagaRecord, type SagaRow, sagaColumns } from "./saga-schema.ts";
import { type sealer, toJson } from "./saga-seal.ts";
import { trailToJson } from "./saga-trail.ts";

const dayMs = 86_400_000;

const parkText = `
  update sagas set status = $3, position = $4, results = $5, refusal = $6, trail = $7,
    attempts = $8, error = $9, waiting_for = $10, owner = '', updated_at = now(),
    lease_until = case when wakes > $11 then clock_timestamp()
      else coalesce(clock_timestamp() + $12 * interval '1 ms', 'infinity') end
  where id = $1 and fence = $2 returning wakes > $11 as woken`;

const claimText = `
  with due as (
    select id from sagas
    where status in ('running', 'undoing', 'stuck') and lease_until < clock_timestamp()
      and (name, version) in (select * from unnest($1::text[], $2::integer[]))
    order by lease_until limit $3 for update skip locked)
  update sagas set owner = $4, fence = fence + 1,
    lease_until = clock_timestamp() + $5 * interval '1 ms'
  where id in (select id from due) returning ${sagaColumns}`;

/** A refused undo (its lease is infinite) is not woken: it waits for a person. */
const wakeText = `
  with asked as (
    select id as asked_id, owner = '' or lease_until < clock_timestamp() as free,
      (name, version) in (select * from unnest($2::text[], $3::integer[])) as known
    from sagas
    where id = $1 and status in ('running', 'undoing', 'stuck') and lease_until < 'infinity' for update)
  update sagas set wakes = wakes + 1,
    owner = case when free and known then $4 else owner end,
    fence = case when free and known then fence + 1 else fence end,
    lease_until = case when free and known then clock_timestamp() + $5 * interval '1 ms'
      when free then clock_timestamp() else lease_until end
  from asked where id = asked_id returning free and known as mine, ${sagaColumns}`;

export function leasesOf(is: {
  postgres: Postgres;
  owner: string;
  leaseMs: number;
  seal: ReturnType<typeof sealer>;
}): Pick<Journal, "park" | "claim" | "wake" | "renew" | "release"> {
  const { postgres, owner, leaseMs, seal } = is;

  const park: Journal["park"] = async (record, { to, afterMs, failed, error, waitingFor }) => {
    const { status, position, results, refusal, trail } = { ...record, ...to };
    const [row] = await postgres.query<{ woken: boolean }>(
      parkText,
      [
        record.id,
        record.fence,
        status,
        position,
        toJson(results),
        toJson(refusal),
        trailToJson(trail ?? record.trail),
        failed ? record.attempts + 1 : 0,
        error ?? null,
        waitingFor ?? null,
        record.wakes,
        afterMs === undefined ? null : Math.min(Math.max(0, afterMs), dayMs),
      ],
      "saga_park",
    );
    if (row === undefined) throw new WriteRefused("saga_fenced");
    return row;
  };

  /** J7: what is claimed and can be worked on here. */
  const opened = async (rows: readonly SagaRow[]): Promise<SagaRecord[]> => {
    const records: SagaRecord[] = [];
    for (const row of rows) {
      try {
        records.push(row.refusal === null ? recordOf(row, seal) : closedRecordOf(row, seal));
      } catch {
        await leave(closedRecordOf(row, seal));
      }
    }
    return records;
  };

  /** Sealed under another key, and it must not hold up those that are not. */
  const leave = async (record: SagaRecord): Promise<void> => {
    const { waitingFor } = record;
    const afterMs = roundPauseMs(record.attempts + 1);
    const error = "its secrets do not open here: was the journal's key changed?";
    try {
      await park(record, { to: record, afterMs, failed: true, error, waitingFor });
    } catch (cause) {
      // An operator has turned it back in the meantime.
      if (!(cause instanceof WriteRefused)) throw cause;
    }
  };

  return {
    park,

    async claim(sagas, limit) {
      const values = [...identitiesOf(sagas), limit, owner, leaseMs];
      return opened(await postgres.query<SagaRow>(claimText, values, "saga_claim"));
    },

    async wake(id, sagas) {
      const rows = await postgres.query<SagaRow & { mine: boolean }>(
        wakeText,
        [id, ...identitiesOf(sagas), owner, leaseMs],
        "saga_wake",
      );
      return (await opened(rows.filter(({ mine }) => mine)))[0];
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

function identitiesOf(sagas: readonly AnySaga[]): [string[], number[]] {
  return [sagas.map(({ name }) => name), sagas.map(({ options }) => options.version)];
}
