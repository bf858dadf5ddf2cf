// A page of what staff did, the newest first.

import type { AuditEntry, AuditFilter } from "./audit-entry.ts";
import type { AuditStore } from "./audit-store.ts";
import { pageOf } from "./page-token.ts";

export async function listAuditEntries(
  { audit }: { readonly audit: AuditStore },
  filter: AuditFilter,
  page: { readonly pageSize: number; readonly pageToken: string },
): Promise<{ entries: readonly AuditEntry[]; nextPageToken: string }> {
  return pageOf(
    page,
    (limit, after) => audit.list(filter, { limit, after }),
    ({ atMs, auditEntryId: id }) => ({ atMs, id }),
  );
}
