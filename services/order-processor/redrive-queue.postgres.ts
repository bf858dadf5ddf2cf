// The redrives in Postgres: a row each, which is the lease, and the letters that are scheduled under it.

import type { Postgres, Statement } from "@webstore/kit";
import { type WholeRow, wholeColumns, wholeLetterOf } from "./dead-letter-store.postgres.ts";
import type { Claim, RedriveQueue } from "./redrive-queue.ts";

const claimLettersMax = 10;
const claimBytesMax = 1_048_576;

/** The lease first, then its letters: without any, the row comes alone. */
const claimText = `
  with due as (
    select redrive_id from redrives where next_at <= $1 and leased_until <= $1
    order by next_at, redrive_id limit 1 for update skip locked
  ), leased as (
    update redrives r set fence = r.fence + 1, leased_until = $2
    from due where r.redrive_id = due.redrive_id
    returning r.redrive_id, r.fence, r.rate_per_second
  )
  select leased.redrive_id, leased.fence, leased.rate_per_second, letter.*
  from leased left join lateral (
    select ${wholeColumns} from (
      select next.*, row_number() over w as place, sum(octet_length(value)) over w as bytes
      from (
        select ${wholeColumns} from dead_letters d
        where d.redrive_id = leased.redrive_id and d.status = 'scheduled'
        order by created_at, dead_letter_id limit least(${claimLettersMax}, greatest(1, leased.rate_per_second / 10))
      ) as next
      window w as (order by created_at, dead_letter_id)
    ) as sized
    where place = 1 or bytes <= ${claimBytesMax}
    order by place
  ) as letter on true`;

type LeaseRow = { redrive_id: string; fence: bigint; rate_per_second: number };
type ClaimRow = LeaseRow & (WholeRow | { dead_letter_id: null });

export function postgresRedriveQueue(postgres: Postgres): RedriveQueue {
  return {
    async claim({ nowMs, leaseMs }) {
      const values = [new Date(nowMs), new Date(nowMs + leaseMs)];
      const [found] = await postgres.commit([{ name: "redrive_claim", text: claimText, values }]);
      const rows = found as ClaimRow[];
      const [first] = rows;
      if (first === undefined) return undefined;
      const letters = rows.flatMap((row) => (row.dead_letter_id === null ? [] : [wholeLetterOf(row)]));
      const { redrive_id: redriveId, fence, rate_per_second: ratePerSecond } = first;
      return { redriveId, fence, ratePerSecond, letters };
    },

    async settle(claim, { refusedIds, nowMs, nextAtMs }) {
      const ids = claim.letters.map(({ deadLetterId }) => deadLetterId);
      const out: Statement = {
        name: "redrive_out",
        text: `update dead_letters set
                 status = case when dead_letter_id = any($2::uuid[]) then 'dead' else 'redriven' end,
                 redriven_at = case when dead_letter_id = any($2::uuid[]) then null else $3::timestamptz end
               where dead_letter_id = any($1::uuid[]) and status = 'scheduled'`,
        values: [ids, refusedIds, new Date(nowMs)],
      };
      // Behind the letters, so that it sees whether one is left.
      const end: Statement = {
        name: "redrive_end",
        text: `delete from redrives where redrive_id = $1 and fence = $2
               and not exists (select 1 from dead_letters where redrive_id = $1 and status = 'scheduled')`,
        values: [claim.redriveId, claim.fence],
      };
      await postgres.commit([out, end, releaseStatement(claim, nextAtMs)]);
    },

    async postpone(claim, { nextAtMs }) {
      await postgres.commit([releaseStatement(claim, nextAtMs)]);
    },

    async nextAtMs() {
      const [row] = await postgres.query<{ at: Date | null }>(
        "select min(greatest(next_at, leased_until)) as at from redrives",
        [],
        "redrive_next",
      );
      return row?.at?.getTime();
    },
  };
}

const releaseStatement = ({ redriveId, fence }: Claim, nextAtMs: number): Statement => ({
  name: "redrive_release",
  text: `update redrives set next_at = $3, leased_until = '-infinity' where redrive_id = $1 and fence = $2`,
  values: [redriveId, fence, new Date(nextAtMs)],
});
