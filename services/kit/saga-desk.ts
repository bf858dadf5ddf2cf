// The operators' view of the sagas of a service: which there are, what happened to each, and the two things that a
// person may do about one: let it go on, or have it undone. Plain data; whoever serves it makes messages of it.
//
// Invariants:
//   K1. What the desk changes is fenced as any other change (J1): a saga that is turned back is taken from whoever has
//       it in hand, and that process commits nothing more.
//   K2. Compensating begins behind the last effect that may have happened since the last commit: all up to the next
//       write (S4, A3).
//   K3. What has turned stays turned, and what has ended stays ended: the desk answers it as it is.
//   K4. Nothing shown holds a secret: sealed fields of the input are not read, errors are cleaned when they are written.

import type { Postgres } from "./postgres.ts";
import { presentable } from "./reason.ts";
import { invalidRequest, type Refusal } from "./refusal.ts";
import type { AnySaga, Data, SagaRefusal } from "./saga.ts";
import type { SagaEngine } from "./saga-engine.ts";
import { roundsMax } from "./saga-rounds.ts";
import { nextWrite, recordOf } from "./saga-run.ts";
import type { SagaStatus } from "./saga-schema.ts";
import { fromJson, toJson } from "./saga-seal.ts";
import { type TrailLine, trailFromJson, trailToJson } from "./saga-trail.ts";

/** `stuck`: a step or an undo has used up its attempts, or an undo was refused; it may still be tried now and then. */
export type DeskStatus = "running" | "done" | "compensating" | "undone" | "stuck";

export type DeskSaga = {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly status: DeskStatus;
  /** The step that it is at, as far as is committed; empty when it has ended, or when its version is not known here. */
  readonly step: string;
  /** How often it was put down by outages since the last progress. */
  readonly attempts: number;
  /** What it waits for; empty when it does not. */
  readonly waitingFor: string;
  /** What went wrong last; empty when nothing did. */
  readonly error: string;
  /** Until when a replica has it in hand. */
  readonly leaseUntil: Date | undefined;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** What it works on, without the secrets. */
  readonly input: Readonly<Record<string, Data>>;
  /** Why it was turned back. */
  readonly refusal: SagaRefusal | undefined;
};

export type SagaFilter = {
  readonly status?: DeskStatus | undefined;
  readonly name?: string | undefined;
  /** One of these. */
  readonly ids?: readonly string[] | undefined;
  /** Not changed for this long. */
  readonly idleMsMin?: number | undefined;
};

export type SagaDesk = {
  /** The one that changed last first. Throws the refusal `invalid_request` for a token that is none of its own. */
  list(
    filter: SagaFilter,
    page: { readonly size: number; readonly token: string },
  ): Promise<{ sagas: DeskSaga[]; nextToken: string }>;
  get(id: string): Promise<{ saga: DeskSaga; trail: readonly TrailLine[] } | undefined>;
  /** Lets one that was put down go on at once, with all its attempts. One in hand, or ended, is answered as it is. */
  retry(id: string): Promise<{ ended: boolean; saga: DeskSaga } | undefined>;
  /**
   * Turns a saga back, as if its step had been given up; `refusal` is what its caller is told. One that is turned
   * already, or undone, is answered as it is; one that is done has ended.
   */
  compensate(id: string, refusal?: Refusal): Promise<{ ended: boolean; saga: DeskSaga } | undefined>;
};

const pageSizeMax = 100;
const turnsMax = 5;

const columns = `id, name, version, status, position, attempts, owner, waiting_for, error, input::text,
  refusal::text, trail::text, fence, lease_until > clock_timestamp() as leased,
  nullif(lease_until, 'infinity') as lease_until, created_at, updated_at, (extract(epoch from updated_at) * 1000000)::bigint::text as updated_us`;

type Row = {
  id: string;
  name: string;
  version: number;
  status: SagaStatus;
  position: number;
  attempts: number;
  owner: string;
  waiting_for: string | null;
  error: string | null;
  input: string;
  refusal: string | null;
  trail: string;
  fence: bigint;
  leased: boolean;
  lease_until: Date | null;
  created_at: Date;
  updated_at: Date;
  updated_us: string;
};

/** `engine` has the sagas in hand; `sagas` are those that it knows. */
export function openSagaDesk<Ports>(is: {
  postgres: Postgres;
  engine: SagaEngine<Ports>;
  sagas: readonly AnySaga[];
}): SagaDesk {
  const { postgres, engine, sagas } = is;
  const knownOf = ({ name, version }: Row) =>
    sagas.find((each) => each.name === name && each.options.version === version);
  const shown = (row: Row) => sagaOf(row, knownOf(row));
  const rowOf = async (id: string) =>
    (await postgres.query<Row>(`select ${columns} from sagas where id = $1`, [id], "saga_desk_get"))[0];

  return {
    async list(filter, page) {
      const size = Math.min(Math.max(1, page.size), pageSizeMax);
      const rows = await postgres.query<Row>(...listOf(filter, size + 1, positionIn(page.token)));
      const last = rows.length > size ? rows[size - 1] : undefined;
      return { sagas: rows.slice(0, size).map(shown), nextToken: last === undefined ? "" : tokenOf(last) };
    },

    async get(id) {
      const row = await rowOf(id);
      return row === undefined ? undefined : { saga: shown(row), trail: trailFromJson(row.trail) };
    },

    async retry(id) {
      const before = await rowOf(id);
      if (before === undefined) return undefined;
      if (isEnded(before)) return { ended: true, saga: shown(before) };
      await postgres.query(retryText, [id], "saga_desk_retry");
      await engine.wake(id);
      return { ended: false, saga: shown((await rowOf(id)) ?? before) };
    },

    async compensate(id, refusal) {
      for (let turn = 1; turn <= turnsMax; turn += 1) {
        const row = await rowOf(id);
        if (row === undefined) return undefined;
        const saga = knownOf(row);
        if (isEnded(row) || row.refusal !== null || saga === undefined) break;
        const at = saga.steps[row.position]?.name ?? "";
        const values = turnOf(row, saga, recordOf(refusal ?? saga.options.givenUp(at)), at);
        const turned = await postgres.query(turnText, values, "saga_desk_turn");
        if (turned.length === 0) continue;
        await engine.wake(id);
        break;
      }
      const row = await rowOf(id);
      return row === undefined ? undefined : { ended: row.status === "done", saga: shown(row) };
    },
  };
}

/** One that is stuck and was not turned is from the version before, to which its secrets did not open: it goes on forward. */
const retryText = `
  update sagas set attempts = 0, wakes = wakes + 1, updated_at = now(), lease_until = clock_timestamp(),
    status = case when status <> 'stuck' then status when refusal is null then 'running' else 'undoing' end
  where id = $1 and status in ('running', 'undoing', 'stuck') and (owner = '' or lease_until < clock_timestamp())`;

/** K1: under a raised fence, and only while the saga stands where it was seen. */
const turnText = `
  update sagas set status = 'undoing', position = $4, refusal = $5, trail = $6, error = $7, attempts = 0,
    waiting_for = null, owner = '', fence = fence + 1, lease_until = clock_timestamp(), updated_at = now()
  where id = $1 and fence = $2 and position = $3 and status in ('running', 'stuck') and refusal is null
  returning 1`;

function turnOf(row: Row, saga: AnySaga, refusal: SagaRefusal, at: string): unknown[] {
  const error = "turned back by an operator";
  const line: TrailLine = { atMs: Date.now(), kind: "do_failed", step: at, error };
  return [
    row.id,
    row.fence,
    row.position,
    // K2.
    nextWrite(saga, row.position),
    toJson(refusal),
    trailToJson([...trailFromJson(row.trail), line]),
    error,
  ];
}

const isEnded = ({ status }: Row) => status === "done" || status === "refused";

/** The same conditions as statusOf. */
const statusConditions: Readonly<Record<DeskStatus, string>> = {
  running: `status = 'running' and attempts < ${roundsMax}`,
  done: "status = 'done'",
  compensating: "status = 'undoing'",
  undone: "status = 'refused'",
  stuck: `(status = 'stuck' or status = 'running' and attempts >= ${roundsMax})`,
};

function statusOf({ status, attempts }: Row): DeskStatus {
  if (status === "running") return attempts >= roundsMax ? "stuck" : "running";
  if (status === "undoing") return "compensating";
  return status === "refused" ? "undone" : status;
}

type Position = { readonly updatedUs: string; readonly id: string };

function listOf(filter: SagaFilter, limit: number, after: Position | undefined): [string, unknown[]] {
  const values: unknown[] = [limit];
  const conditions: string[] = [];
  const where = (condition: (place: string) => string, value: unknown) => {
    if (value === undefined) return;
    values.push(value);
    conditions.push(condition(`$${values.length}`));
  };
  if (filter.status !== undefined) conditions.push(statusConditions[filter.status]);
  where((place) => `name = ${place}`, filter.name);
  where((place) => `id = any(${place}::uuid[])`, filter.ids);
  where((place) => `updated_at <= clock_timestamp() - ${place} * interval '1 ms'`, filter.idleMsMin);
  if (after !== undefined) {
    values.push(after.updatedUs, after.id);
    const [at, id] = [`$${values.length - 1}::bigint`, `$${values.length}::uuid`];
    conditions.push(`(updated_at, id) < (timestamptz 'epoch' + ${at} * interval '1 microsecond', ${id})`);
  }
  const condition = conditions.length === 0 ? "" : `where ${conditions.join(" and ")}`;
  return [`select ${columns} from sagas ${condition} order by updated_at desc, id desc limit $1`, values];
}

const tokenOf = ({ updated_us, id }: Row) => Buffer.from(`${updated_us}/${id}`).toString("base64url");

const positionPattern = /^(\d{1,16})\/([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})$/;

function positionIn(token: string): Position | undefined {
  if (token === "") return undefined;
  const text = Buffer.from(token, "base64url").toString("utf8");
  const [, updatedUs, id] = positionPattern.exec(text) ?? [];
  if (updatedUs === undefined || id === undefined) throw invalidRequest("page_token", "is not one of ours");
  return { updatedUs, id };
}

function sagaOf(row: Row, saga: AnySaga | undefined): DeskSaga {
  const at = isEnded(row) ? undefined : saga?.steps[row.refusal === null ? row.position : row.position - 1];
  const inHand = row.owner !== "" && row.leased && !isEnded(row);
  return {
    id: row.id,
    name: row.name,
    version: row.version,
    status: statusOf(row),
    step: at?.name ?? "",
    attempts: row.attempts,
    waitingFor: row.status === "running" && row.owner === "" ? (row.waiting_for ?? "") : "",
    error: presentable(row.error ?? ""),
    leaseUntil: inHand ? (row.lease_until ?? undefined) : undefined,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    input: fromJson(row.input),
    refusal: row.refusal === null ? undefined : fromJson(row.refusal),
  };
}
