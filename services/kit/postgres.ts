// The connection to Postgres: a pool on one schema, reads, and commits that take one round trip. What is asked at the same
// time shares a connection (postgres-lanes.ts).
//
// Invariants:
//   P1. All statements of a commit stand or none does. They leave in one go, with one Sync behind them (X1 in
//       postgres-batch.ts).
//   P2. Nothing of a commit is written to the wire unless all of it can be: values and names are checked first.
//   P3. A connection that broke is never used again, and a broken idle one does not end the process.
//   P4. Everything is bounded: connections, waiters, statements of a commit, names, and time. The server ends a
//       statement after `statementTimeoutMs`; a server that says nothing at all is given up on a little later.

import pg from "pg";
import { type Answered, type Prepared, sendBatch } from "./postgres-batch.ts";
import {
  CommitUnknown,
  endsConnection,
  PostgresUnavailable,
  postgresError,
  StatementFailed,
} from "./postgres-errors.ts";
import { type Lanes, openLanes } from "./postgres-lanes.ts";
import { listenTo } from "./postgres-listen.ts";
import { toWireValues, valueTypes } from "./postgres-values.ts";
import type { Statement, Write } from "./write.ts";

export {
  CommitUnknown,
  PostgresUnavailable,
  StatementFailed,
  UniqueViolation,
  WriteRefused,
} from "./postgres-errors.ts";

/** How many commits and other statements this process has sent, for the bench. */
export const postgresCounters = { commits: 0, queries: 0 };

export type PostgresOptions = {
  /** `postgres://user:password@host:port/database`. */
  readonly url: string;
  /** Where unqualified names are looked up; letters and underscores. */
  readonly schema: string;
  readonly poolMax: number;
  readonly applicationName: string;
  readonly statementTimeoutMs: number;
  /** The longest wait for a connection, new or from the pool. */
  readonly connectTimeoutMs: number;
  readonly log?: (message: string) => void;
};

type Query = <Row>(text: string, values?: readonly unknown[], name?: string) => Promise<Row[]>;

export type Postgres = {
  readonly schema: string;
  /** One statement, alone. For reads; what changes something is a Write. */
  query: Query;
  /**
   * Makes the writes, all or none, and gives the rows of each statement.
   * Throws WriteRefused, UniqueViolation or StatementFailed: nothing stands; PostgresUnavailable: nothing
   * stands, try later; CommitUnknown: look it up.
   */
  commit(...all: Write[]): Promise<unknown[][]>;
  /** For what has to read before it writes and cannot say so in SQL. Rolled back when `work` throws. */
  transaction<T>(work: (tx: { query: Query }) => Promise<T>): Promise<T>;
  /**
   * Calls `onNotify` with each payload sent to the channel, and with "" after a reconnect: what was sent
   * in between is lost, so look for yourself. Resolves to the function that ends it.
   */
  listen(channel: string, onNotify: (payload: string) => void): Promise<() => Promise<void>>;
  /** Whether the database answers now. Never throws. */
  ready(): Promise<boolean>;
  stats(): { total: number; idle: number; waiting: number; max: number };
  /** Waits for what is under way, then ends all connections. */
  close(): Promise<void>;
};

const waitersMax = 1_000;
const statementsMax = 1_000;
const namesMax = 2_000;
/** The server truncates longer identifiers, and two names would become one. */
const nameBytesMax = 63;
/** How much longer than the server's own limit to wait for a server that does not answer at all. */
const silenceGraceMs = 1_000;
const idleTimeoutMs = 300_000;

/** Opens the pool and makes sure that the database answers. */
export async function openPostgres(options: PostgresOptions): Promise<Postgres> {
  const pool = openPool(options);
  const lanes: Lanes<pg.PoolClient, Outcome> = openLanes({
    connect: () => connect(pool),
    giveBack: (client, isBroken) => client.release(isBroken),
    breaks: ({ error }) => error !== undefined && endsConnection(error),
    nowMs: () => performance.now(),
  });
  const send: Send = (statements) =>
    lanes.run(statements.length, (client, inLane) => exchange(client, statements, { ...options, inLane }));
  const names = new Map<string, string>();
  const prepare = (text: string, values: readonly unknown[], name: string | undefined) =>
    prepared(names, text, values, name);
  const stops = new Set<() => Promise<void>>();
  let closing: Promise<void> | undefined;

  const query: Query = async <Row>(text: string, values: readonly unknown[] = [], name?: string) => {
    postgresCounters.queries++;
    const outcome = await send([prepare(text, values, name)]);
    if (outcome.error !== undefined) throw postgresError(outcome.error, label(text, name));
    return outcome.rows[0] as Row[];
  };

  const postgres: Postgres = {
    schema: options.schema,
    query,
    commit: (...all) => commit(send, prepare, all.length === 1 ? (all[0] ?? []) : all.flat()),
    transaction: (work) => transaction(pool, prepare, work, options),
    listen: async (channel, onNotify) => {
      const stop = await listenTo(
        channel,
        onNotify,
        () => new pg.Client(connectionConfig(options)),
        options.log,
      );
      const ended = async () => {
        stops.delete(ended);
        await stop();
      };
      stops.add(ended);
      return ended;
    },
    ready: () =>
      query("select 1", [], "kit_ready").then(
        () => true,
        () => false,
      ),
    stats: () => ({
      total: pool.totalCount,
      idle: pool.idleCount,
      waiting: pool.waitingCount,
      max: options.poolMax,
    }),
    close: () => {
      closing ??= Promise.all([...stops].map((stop) => stop())).then(() => pool.end());
      return closing;
    },
  };

  try {
    await query("select 1", [], "kit_ready");
  } catch (error) {
    await postgres.close();
    throw error;
  }
  return postgres;
}

function openPool(options: PostgresOptions): pg.Pool {
  const pool = new pg.Pool({
    ...connectionConfig(options),
    pipeline: true,
    max: options.poolMax,
    min: 1,
    idleTimeoutMillis: idleTimeoutMs,
    connectionTimeoutMillis: options.connectTimeoutMs,
  });
  pool.on("error", (error) =>
    options.log?.(`a connection to Postgres was lost while idle: ${error.message}`),
  );
  // The driver also emits the loss of a connection that is in use, where nobody listens: that would end the process.
  pool.on("connect", (client) => client.on("error", () => {}));
  return pool;
}

/** What every connection to this schema has in common, whether it is pooled or not. */
export function connectionConfig(
  options: Pick<
    PostgresOptions,
    "url" | "schema" | "applicationName" | "statementTimeoutMs" | "connectTimeoutMs"
  >,
): pg.ClientConfig {
  if (!/^[a-z_]{1,63}$/.test(options.schema)) {
    throw new Error(`not a schema name (letters and underscores): ${options.schema}`);
  }
  const url = new URL(options.url);
  // Options of the URL would replace ours instead of joining them.
  const settings = [url.searchParams.get("options"), `-c search_path=${options.schema}`, "-c jit=off"];
  url.searchParams.delete("options");
  settings.push(`-c statement_timeout=${Math.ceil(options.statementTimeoutMs)}`);
  settings.push(`-c idle_in_transaction_session_timeout=${Math.ceil(options.statementTimeoutMs)}`);
  return {
    connectionString: url.href,
    options: settings.filter((setting) => setting !== null).join(" "),
    application_name: options.applicationName,
    connectionTimeoutMillis: options.connectTimeoutMs,
    keepAlive: true,
    types: valueTypes,
  };
}

/** As one transaction. Never rejects once there is a connection: the outcome says what happened. */
type Send = (statements: readonly Prepared[]) => Promise<Outcome>;
type Prepare = (text: string, values: readonly unknown[], name: string | undefined) => Prepared;

/** A statement that is fit to be sent. Throws on one that is not, which is a bug of its author. */
function prepared(
  names: Map<string, string>,
  text: string,
  values: readonly unknown[],
  name: string | undefined,
): Prepared {
  if (text.trim() === "") throw new Error("a statement is empty");
  if (name !== undefined) {
    const known = names.get(name);
    if (known === undefined) {
      if (name === "" || Buffer.byteLength(name) > nameBytesMax)
        throw new Error(`not a statement name: ${name}`);
      if (names.size >= namesMax) throw new Error("too many named statements: a name must not hold a value");
      names.set(name, text);
    } else if (known !== text) {
      throw new Error(`two statements have the name ${name}`);
    }
  }
  return { name, text, values: toWireValues(values) };
}

/** What an error calls a statement: its name, or how it begins. */
const label = (text: string, name: string | undefined): string =>
  name ?? text.trim().replace(/\s+/g, " ").slice(0, 60);

const begin: Prepared = { name: "kit_begin", text: "begin", values: [] };
const commitWork: Prepared = { name: "kit_commit", text: "commit", values: [] };
const rollback: Prepared = { name: "kit_rollback", text: "rollback", values: [] };

async function commit(send: Send, prepare: Prepare, statements: readonly Statement[]): Promise<unknown[][]> {
  if (statements.length === 0) return [];
  if (statements.length > statementsMax)
    throw new RangeError(`a commit takes at most ${statementsMax} statements`);
  postgresCounters.commits++;
  const sent = statements.map(({ text, values, name }) => prepare(text, values, name));
  const outcome = await send(sent);
  if (outcome.error === undefined) return outcome.rows;
  const failed = statements[outcome.failedAt];
  const error = postgresError(
    outcome.error,
    failed === undefined ? "commit" : label(failed.text, failed.name),
  );
  if (!outcome.sent || !endsConnection(outcome.error) || !(error instanceof PostgresUnavailable)) throw error;
  // The server's word on a statement before the COMMIT is final: it ended that connection, and with it the work.
  const certain = outcome.error instanceof pg.DatabaseError && outcome.failedAt < statements.length;
  throw certain ? error : new CommitUnknown(error.message, error.code);
}

async function transaction<T>(
  pool: pg.Pool,
  prepare: Prepare,
  work: (tx: { query: Query }) => Promise<T>,
  limits: PostgresOptions,
): Promise<T> {
  postgresCounters.commits++;
  const client = await connect(pool);
  let over = false;
  let broken: unknown;
  let failed: Error | undefined;
  const send = async (statement: Prepared): Promise<Outcome> => {
    const outcome = await exchange(client, [statement], { ...limits, inLane: 1 });
    if (outcome.error !== undefined) {
      if (endsConnection(outcome.error)) broken ??= outcome.error;
      failed ??= postgresError(outcome.error, label(statement.text, statement.name));
    }
    return outcome;
  };
  const query: Query = async <Row>(text: string, values: readonly unknown[] = [], name?: string) => {
    if (over) throw new Error("this transaction is over");
    postgresCounters.queries++;
    const outcome = await send(prepare(text, values, name));
    if (outcome.error !== undefined) throw postgresError(outcome.error, label(text, name));
    return outcome.rows[0] as Row[];
  };
  try {
    // Not awaited: it leaves together with the first statement, and when it fails, so does that.
    void send(begin);
    const result = await work({ query });
    over = true;
    // `work` may have caught the error of a statement; the server would answer COMMIT with a silent rollback.
    if (failed === undefined) {
      const outcome = await send(commitWork);
      if (outcome.error === undefined && outcome.commands[0] === "COMMIT") return result;
      if (broken !== undefined) throw new CommitUnknown("Postgres: connection lost during a commit");
    }
    throw (
      failed ??
      new StatementFailed("commit: a statement of the transaction had failed", "25P02", undefined, "commit")
    );
  } catch (error) {
    over = true;
    if (broken === undefined) await send(rollback);
    throw error;
  } finally {
    client.release(broken !== undefined);
  }
}

/** `sent` is false when not a byte of it has left. */
type Outcome = Answered & { readonly sent: boolean };

async function connect(pool: pg.Pool): Promise<pg.PoolClient> {
  if (pool.waitingCount >= waitersMax)
    throw new PostgresUnavailable("Postgres: too many are waiting for a connection");
  try {
    return await pool.connect();
  } catch (error) {
    throw postgresError(error, "connect");
  }
}

/** Writes all statements in one go and waits for all answers; `inLane`: how many the server may be given time for. */
async function exchange(
  client: pg.PoolClient,
  statements: readonly Prepared[],
  { statementTimeoutMs, inLane }: Pick<PostgresOptions, "statementTimeoutMs"> & { inLane: number },
): Promise<Outcome> {
  const { stream } = client.connection;
  const sent = stream.writable;
  const silence = setTimeout(
    () => stream.destroy(new Error("no answer in time")),
    statementTimeoutMs * inLane + silenceGraceMs,
  );
  stream.cork();
  const answered = sendBatch(client, statements);
  stream.uncork();
  const outcome = await answered;
  clearTimeout(silence);
  return { ...outcome, sent };
}
