// One kind of object, kept as JSON: found by its id, and listed as Stripe lists, newest first.
//
// Invariant: the objects that were written last are remembered, as they are in the database.

import { noSuch } from "./api-error.ts";
import { type CollectionName, type Database, firstSeqOf, lastSeqOf, seqOf } from "./database.ts";
import type { Page } from "./parameters.ts";

/** `id` comes first in the object, and its `created` is the second of its id. */
type Kept = { readonly id: string; readonly created: number };

export type Listed = { readonly items: string[]; readonly hasMore: boolean };

export type Collection<T extends Kept> = {
  /** `parent`: what lists of this kind are filtered by. Returns the JSON as it is kept. */
  insert(object: T, parent: string | null): string;
  update(object: T): void;
  find(id: string): T | undefined;
  /** The JSON as it is kept. */
  findText(id: string): string | undefined;
  /** The newest with this parent. */
  newestOf(parent: string): T | undefined;
  list(page: Page, parent: string | undefined): Listed;
};

/** What is paid now is captured, asked for and expanded within seconds. */
const rememberedMax = 200;

export function openCollection<T extends Kept>(database: Database, name: CollectionName): Collection<T> {
  const insert = database.prepare(`INSERT INTO ${name} (seq, parent, body) VALUES (?, ?, ?)`);
  const update = database.prepare(`UPDATE ${name} SET body = ? WHERE seq = ?`);
  const find = database.prepare(`SELECT body FROM ${name} WHERE seq = ?`);
  const select = (order: "ASC" | "DESC", parent: string) =>
    database.prepare(
      `SELECT body FROM ${name} WHERE seq BETWEEN ? AND ? ${parent} ORDER BY seq ${order} LIMIT ?`,
    );
  const lists = {
    ASC: { all: select("ASC", ""), ofParent: select("ASC", "AND parent = ?") },
    DESC: { all: select("DESC", ""), ofParent: select("DESC", "AND parent = ?") },
  };

  const remembered = new Map<string, T>();
  database.onLost(() => remembered.clear());
  function remember(object: T): void {
    remembered.set(object.id, object);
    if (remembered.size <= rememberedMax) return;
    for (const oldest of remembered.keys()) {
      remembered.delete(oldest);
      return;
    }
  }

  function findText(id: string): string | undefined {
    const seq = seqOf(id);
    const text = Number.isSafeInteger(seq) ? (find.get(seq)?.body as string | undefined) : undefined;
    // The rest of the id must be right as well; it is the first thing in the JSON.
    return text?.startsWith(`{"id":"${id}"`) ? text : undefined;
  }

  function cursorOf(id: string, param: string): number {
    if (findText(id) === undefined) throw noSuch(name.slice(0, -1), id, param, 400);
    return seqOf(id);
  }

  function rangeOf({ createdMin, createdMax, startingAfter, endingBefore }: Page): [number, number] {
    const from = firstSeqOf(createdMin);
    const to = lastSeqOf(createdMax);
    return [
      endingBefore === undefined ? from : Math.max(from, cursorOf(endingBefore, "ending_before") + 1),
      startingAfter === undefined ? to : Math.min(to, cursorOf(startingAfter, "starting_after") - 1),
    ];
  }

  return {
    insert(object, parent) {
      const text = JSON.stringify(object);
      insert.run(seqOf(object.id), parent, text);
      remember(object);
      return text;
    },
    update(object) {
      update.run(JSON.stringify(object), seqOf(object.id));
      remember(object);
    },
    find(id) {
      const known = remembered.get(id);
      if (known !== undefined) return known;
      const text = findText(id);
      return text === undefined ? undefined : (JSON.parse(text) as T);
    },
    findText,
    newestOf(parent) {
      const [row] = lists.DESC.ofParent.all(0, Number.MAX_SAFE_INTEGER, parent, 1);
      return row === undefined ? undefined : (JSON.parse(row.body as string) as T);
    },
    list(page, parent) {
      // The page before a cursor is the nearest one, so it is read upwards from there.
      const order = page.endingBefore === undefined ? "DESC" : "ASC";
      const [from, to] = rangeOf(page);
      const rows =
        parent === undefined
          ? lists[order].all.all(from, to, page.limit + 1)
          : lists[order].ofParent.all(from, to, parent, page.limit + 1);
      const items = rows.slice(0, page.limit).map((row) => row.body as string);
      if (order === "ASC") items.reverse();
      return { items, hasMore: rows.length > page.limit };
    },
  };
}
