// Several statements on one connection as one exchange of the extended protocol: all of them, and one Sync behind the last.
//
// Invariants:
//   X1. What stands between two Syncs is one transaction of the server, without BEGIN or COMMIT: after an error it
//       ignores the statements behind it, rolls back, and commits at the Sync otherwise. So a batch stands or falls as one.
//   X2. The server sends nothing before the Sync, so a batch costs one write and one read on either side.
//   X3. A named statement is parsed and described once a connection. Whether one was parsed is not known before its batch
//       is answered, nor after it failed: then it is closed before it is parsed again; closing one that is not there is
//       no error. So a batch needs nothing of those under way before it.

import pg from "pg";
import { valueTypes, type WireValue } from "./postgres-values.ts";

export type Prepared = {
  readonly name: string | undefined;
  readonly text: string;
  readonly values: WireValue[];
};

export type Answered = {
  /** The rows of each statement; [] for those that failed. */
  readonly rows: unknown[][];
  /** What the server says it did, a statement each: SELECT, COMMIT, ROLLBACK… */
  readonly commands: (string | undefined)[];
  /** The first error, as the driver gave it, and whose it was; the number of statements: that of the Sync. */
  readonly error: unknown;
  readonly failedAt: number;
};

type Parser = (text: string) => unknown;
type Columns = { readonly names: readonly string[]; readonly parsers: readonly Parser[] };
/** `unclear`: it was sent; whether it was parsed is to be seen. */
type Known = Columns | "unclear";

const noColumns: Columns = { names: [], parsers: [] };

/** The messages of the extended protocol, as the driver writes them. */
type Wire = {
  parse(is: { name: string; text: string }): void;
  bind(is: {
    portal: string;
    statement: string;
    values: WireValue[];
    valueMapper: (value: WireValue) => WireValue;
  }): void;
  describe(is: { type: "P"; name: string }): void;
  execute(is: { portal: string; rows: number }): void;
  close(is: { type: "S"; name: string }): void;
  sync(): void;
};
type Field = { readonly name: string; readonly dataTypeID: number };

/** What each connection has been taught. */
const statementsOf = new WeakMap<object, Map<string, Known>>();
const asIs = (value: WireValue) => value;

class Batch extends pg.Query {
  readonly #statements: readonly Prepared[];
  readonly #done: (answered: Answered) => void;
  readonly #rows: unknown[][];
  readonly #commands: (string | undefined)[];
  #known: Map<string, Known> = new Map();
  #columns: (Columns | undefined)[] = [];
  #at = 0;
  #error: unknown;
  #failedAt = -1;
  #over = false;

  constructor(statements: readonly Prepared[], done: (answered: Answered) => void) {
    super("");
    this.#statements = statements;
    this.#done = done;
    this.#rows = statements.map(() => []);
    this.#commands = new Array(statements.length);
  }

  override submit = (connection: unknown) => {
    const wire = connection as Wire;
    this.#known = statementsOf.get(wire) ?? new Map();
    statementsOf.set(wire, this.#known);
    const parsedHere = new Set<string>();
    for (const [index, { name = "", text, values }] of this.#statements.entries()) {
      const known = name === "" ? undefined : this.#known.get(name);
      if (typeof known !== "object" && !parsedHere.has(name)) {
        if (known === "unclear") wire.close({ type: "S", name });
        wire.parse({ name, text });
        if (name !== "") {
          this.#known.set(name, "unclear");
          parsedHere.add(name);
        }
      }
      wire.bind({ portal: "", statement: name, values, valueMapper: asIs });
      if (typeof known === "object") this.#columns[index] = known;
      else wire.describe({ type: "P", name: "" });
      wire.execute({ portal: "", rows: 0 });
    }
    wire.sync();
  };

  handleRowDescription({ fields }: { fields: readonly Field[] }) {
    this.#columns[this.#at] = {
      names: fields.map(({ name }) => name),
      parsers: fields.map(({ dataTypeID }) => valueTypes.getTypeParser(dataTypeID, "text") as Parser),
    };
  }

  handleDataRow({ fields }: { fields: readonly (string | null)[] }) {
    const { names, parsers } = this.#columns[this.#at] ?? noColumns;
    const row: Record<string, unknown> = {};
    for (let index = 0; index < names.length; index++) {
      const text = fields[index] ?? null;
      row[names[index] as string] = text === null ? null : (parsers[index] as Parser)(text);
    }
    this.#rows[this.#at]?.push(row);
  }

  handleCommandComplete({ text }: { text: string }) {
    this.#learn();
    this.#commands[this.#at] = text.split(" ", 1)[0];
    this.#at += 1;
  }

  handleEmptyQuery() {
    this.#at += 1;
  }

  #learn() {
    const name = this.#statements[this.#at]?.name;
    if (name !== undefined) this.#known.set(name, this.#columns[this.#at] ?? noColumns);
  }

  handleError(error: unknown) {
    [this.#error, this.#failedAt] = [error, this.#at];
    // The driver tells nobody of the ReadyForQuery behind an error.
    this.#end();
  }

  handleReadyForQuery() {
    this.#end();
  }

  #end() {
    if (this.#over) return;
    this.#over = true;
    this.#done({ rows: this.#rows, commands: this.#commands, error: this.#error, failedAt: this.#failedAt });
  }
}

/** Sends the statements as one transaction and gives what came of it; never rejects. */
export function sendBatch(client: pg.ClientBase, statements: readonly Prepared[]): Promise<Answered> {
  return new Promise((resolve) => {
    client.query(new Batch(statements, resolve));
  });
}
