// A page of the dead letters that match, the newest first, without their content.

import type { DeadLetter, DeadLetterFilter } from "./dead-letter.ts";
import type { DeadLetterStore } from "./dead-letter-store.ts";
import { pageOf } from "./page-token.ts";

export async function listDeadLetters(
  { deadLetters }: { readonly deadLetters: DeadLetterStore },
  filter: DeadLetterFilter,
  page: { readonly pageSize: number; readonly pageToken: string },
): Promise<{ deadLetters: readonly DeadLetter[]; nextPageToken: string }> {
  const { entries, nextPageToken } = await pageOf(
    page,
    (limit, after) => deadLetters.list(filter, { limit, after }),
    ({ createTimeMs, deadLetterId }) => ({ atMs: createTimeMs, id: deadLetterId }),
  );
  return { deadLetters: entries, nextPageToken };
}
