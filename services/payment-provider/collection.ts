// One kind of object, kept as JSON: found by its id, and listed as Stripe lists, newest first.

import { noSuch } from "./api-error.ts";
import type { CollectionName, Database } from "./database.ts";
import type { Page } from "./parameters.ts";

type Kept = { readonly id: string; readonly created: number };

export type Listed = { readonly items: string[]; readonly hasMore: boolean };

export type Collection<T extends Kept> = {
  /** `parent`: what lists of this kind are filtered by. */
  insert(object: T, parent: string | null): void;
  update(object: T): void;
  find(id: string): T | undefined;
  /** The JSON as it is kept. */
  findText(id: string): string | undefined;
  list(page: Page, parent: string | undefined): Listed;
};

type Cursor = { readonly created: number; readonly seq: number };
const newest: Cursor = { created: Number.MAX_SAFE_INTEGER, seq: Number.MAX_SAFE_INTEGER };
const oldest: Cursor = { created: -1, seq: -1 };

export function openCollection<T extends Kept>(database: Database, name: CollectionName): Collection<T> {
  const insert = database.prepare(`INSERT INTO ${name} (id, created, parent, body) VALUES (?, ?, ?, ?)`);
  const update = database.prepare(`UPDATE ${name} SET body = ? WHERE id = ?`);
  const find = database.prepare(`SELECT body FROM ${name} WHERE id = ?`);
  const findCursor = database.prepare(`SELECT created, seq FROM ${name} WHERE id = ?`);
  const select = (order: "ASC" | "DESC", parent: string) =>
    database.prepare(`SELECT body FROM ${name}
      WHERE created BETWEEN ? AND ? AND (created, seq) < (?, ?) AND (created, seq) > (?, ?) ${parent}
      ORDER BY created ${order}, seq ${order} LIMIT ?`);
  const lists = {
    ASC: { all: select("ASC", ""), ofParent: select("ASC", "AND parent = ?") },
    DESC: { all: select("DESC", ""), ofParent: select("DESC", "AND parent = ?") },
  };

  function cursorOf(id: string | undefined, param: string, otherwise: Cursor): Cursor {
    if (id === undefined) return otherwise;
    const row = findCursor.get(id);
    if (row === undefined) throw noSuch(name.slice(0, -1), id, param, 400);
    return { created: Number(row.created), seq: Number(row.seq) };
  }

  const findText = (id: string) => find.get(id)?.body as string | undefined;

  return {
    insert(object, parent) {
      insert.run(object.id, object.created, parent, JSON.stringify(object));
    },
    update(object) {
      update.run(JSON.stringify(object), object.id);
    },
    find(id) {
      const text = findText(id);
      return text === undefined ? undefined : (JSON.parse(text) as T);
    },
    findText,
    list(page, parent) {
      const upper = cursorOf(page.startingAfter, "starting_after", newest);
      const lower = cursorOf(page.endingBefore, "ending_before", oldest);
      // The page before a cursor is the nearest one, so it is read upwards from there.
      const order = page.endingBefore === undefined ? "DESC" : "ASC";
      const range = [page.createdMin, page.createdMax, upper.created, upper.seq, lower.created, lower.seq];
      const rows =
        parent === undefined
          ? lists[order].all.all(...range, page.limit + 1)
          : lists[order].ofParent.all(...range, parent, page.limit + 1);
      const items = rows.slice(0, page.limit).map((row) => row.body as string);
      if (order === "ASC") items.reverse();
      return { items, hasMore: rows.length > page.limit };
    },
  };
}
