// A page of the entries that match, the newest first.

import { invalidRequest } from "@webstore/kit";
import type { Entry } from "./entry.ts";
import type { EntryFilter, EntryPosition, EntryStore } from "./entry-store.ts";

const pageSizeDefault = 20;

export async function listEntries(
  { store }: { store: Pick<EntryStore, "list"> },
  filter: EntryFilter,
  page: { pageSize: number; pageToken: string },
): Promise<{ entries: readonly Entry[]; nextPageToken: string }> {
  const after = page.pageToken === "" ? undefined : positionOf(page.pageToken);
  const limit = page.pageSize || pageSizeDefault;
  // One more than asked for tells whether there is a next page.
  const found = await store.list(filter, { limit: limit + 1, after });
  const entries = found.slice(0, limit);
  const last = entries.at(-1);
  return { entries, nextPageToken: found.length > limit && last !== undefined ? tokenOf(last) : "" };
}

const tokenPattern = /^(\d{1,18}) (\d{1,4})$/;

const tokenOf = ({ position, line }: EntryPosition): string =>
  Buffer.from(`${position} ${line}`).toString("base64url");

function positionOf(token: string): EntryPosition {
  const [, position, line] = tokenPattern.exec(Buffer.from(token, "base64url").toString()) ?? [];
  if (position === undefined || line === undefined) throw invalidRequest("page_token", "is not one of ours");
  return { position: BigInt(position), line: Number(line) };
}
