// Where a page begins, as a token for the caller. Lists are ordered by time and, within a millisecond, by id.

import { invalidRequest } from "@webstore/kit";
import type { Position } from "./position.ts";

const pageSizeDefault = 20;
const positionPattern = /^(\d{1,14}) ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

/** One page of what `list` gives when it is asked for `limit` entries after a position. */
export async function pageOf<T>(
  page: { readonly pageSize: number; readonly pageToken: string },
  list: (limit: number, after: Position | undefined) => Promise<readonly T[]>,
  positionOf: (entry: T) => Position,
): Promise<{ entries: readonly T[]; nextPageToken: string }> {
  const limit = page.pageSize || pageSizeDefault;
  // One more than asked for tells whether there is a next page.
  const found = await list(limit + 1, page.pageToken === "" ? undefined : positionIn(page.pageToken));
  const entries = found.slice(0, limit);
  const last = entries.at(-1);
  const isMore = found.length > limit && last !== undefined;
  return { entries, nextPageToken: isMore ? tokenOf(positionOf(last)) : "" };
}

const tokenOf = ({ atMs, id }: Position): string => Buffer.from(`${atMs} ${id}`).toString("base64url");

function positionIn(token: string): Position {
  const [, at, id] = positionPattern.exec(Buffer.from(token, "base64url").toString()) ?? [];
  if (at === undefined || id === undefined) throw invalidRequest("page_token", "is not one of ours");
  return { atMs: Number(at), id };
}
