// How many sagas have not ended, for the gauges. One query over the index of the unfinished ones, which are few.

import type { Reading } from "./gauge.ts";
import type { Postgres } from "./postgres.ts";
import { roundsMax } from "./saga-rounds.ts";

/** As the desk tells the statuses (saga-desk.ts), with those that wait apart. */
const countText = `
  select name, status, count(*)::int as sagas from (
    select name, case
      when status = 'stuck' or status = 'running' and attempts >= $1 then 'stuck'
      when status = 'undoing' then 'compensating'
      when owner = '' and waiting_for is not null then 'waiting'
      else 'running' end as status
    from sagas where status in ('running', 'undoing', 'stuck')
  ) as unfinished group by name, status`;

export async function countUnfinished(postgres: Postgres): Promise<readonly Reading[]> {
  const rows = await postgres.query<{ name: string; status: string; sagas: number }>(
    countText,
    [roundsMax],
    "saga_count",
  );
  return rows.map(({ name, status, sagas }) => ({ labels: { saga: name, status }, value: sagas }));
}
