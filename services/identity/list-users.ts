// A page of all users, the newest first.

import { pagePosition, pageSizeDefault, pageToken, type User } from "./user.ts";
import type { UserStore } from "./user-store.ts";

export async function listUsers(
  users: UserStore,
  page: { pageSize: number; pageToken: string },
): Promise<{ users: User[]; nextPageToken: string }> {
  const after = pagePosition(page.pageToken);
  const limit = page.pageSize || pageSizeDefault;
  // One more than asked for tells whether there is a next page.
  const found = await users.list({ limit: limit + 1, after });
  const shown = found.slice(0, limit);
  const last = shown.at(-1);
  return { users: shown, nextPageToken: found.length > limit && last !== undefined ? pageToken(last) : "" };
}
