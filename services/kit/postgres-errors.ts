// How Postgres fails, in the four ways that callers treat differently, and how its errors become these.
//
// Invariants:
//   E1. No error text holds a value of a row or of a statement: the server puts them into `detail`, and into
//       the message of class 22 (bad data), so neither is copied.
//   E2. PostgresUnavailable means that nothing stands and that a later attempt may succeed. The one exception
//       says so by its class: after CommitUnknown the change may stand.

import pg from "pg";

/** The database cannot be reached, is shutting down, is out of resources or did not answer in time. */
export class PostgresUnavailable extends Error {
  override name = "PostgresUnavailable";
  /** SQLSTATE, when the server said one. */
  readonly code: string | undefined;
  constructor(message: string, code?: string) {
    super(message);
    this.code = code;
  }
}

/** The connection was lost while a commit was under way: whether the change stands has to be looked up. */
export class CommitUnknown extends PostgresUnavailable {
  override name = "CommitUnknown";
}

/** A statement of a write found its condition unmet (`webstore_expect`); nothing of the commit stands. */
export class WriteRefused extends Error {
  override name = "WriteRefused";
  readonly what: string;
  constructor(what: string) {
    super(`write refused: ${what}`);
    this.what = what;
  }
}

/** A row with this key is there already; nothing of the commit stands. */
export class UniqueViolation extends Error {
  override name = "UniqueViolation";
  readonly constraint: string;
  constructor(constraint: string) {
    super(`unique constraint ${constraint} is violated`);
    this.constraint = constraint;
  }
}

/** Any other error of a statement: a bug in the SQL, data the schema does not take, a deadlock. */
export class StatementFailed extends Error {
  override name = "StatementFailed";
  /** SQLSTATE. */
  readonly code: string;
  readonly constraint: string | undefined;
  readonly statement: string;
  constructor(message: string, code: string, constraint: string | undefined, statement: string) {
    super(message);
    this.code = code;
    this.constraint = constraint;
    this.statement = statement;
  }
}

// 08 connection, 53 resources, 57014 canceled by a timeout, 57P.. shutdown and recovery, 25P03/25P04 session timeouts.
const unavailable = /^(08|53|57P|57014$|25P03$|25P04$)/;

/** True when the connection that gave this error must not be used again. */
export function endsConnection(error: unknown): boolean {
  if (!(error instanceof pg.DatabaseError)) return true;
  // 0A000 and 26000: a prepared statement that no longer fits the schema, or that the server does not know.
  return (
    error.severity === "FATAL" || error.severity === "PANIC" || /^(08|57P|0A000|26000)/.test(error.code ?? "")
  );
}

/** What the driver or the server threw, as one of the errors above. `statement` names it for the reader of the log. */
export function postgresError(error: unknown, statement: string): Error {
  if (!(error instanceof pg.DatabaseError)) return new PostgresUnavailable(connectionText(error));
  const code = error.code ?? "XX000";
  if (code === "WS001") return new WriteRefused(error.message);
  if (code === "23505") return new UniqueViolation(error.constraint ?? "unknown");
  if (unavailable.test(code)) return new PostgresUnavailable(`Postgres: ${error.message} (${code})`, code);
  const what = code.startsWith("22") ? "a value does not fit" : error.message;
  return new StatementFailed(`${statement}: ${what} (${code})`, code, error.constraint, statement);
}

function connectionText(error: unknown): string {
  if (!(error instanceof Error)) return "Postgres: connection lost";
  // Node gives one error an address tried, and an empty message for all of them together.
  const first = error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : error;
  return `Postgres: ${first.message}`;
}
