// What staff did: a list to which entries are added, and in which nothing changes.

import type { AuditEntry, AuditFilter } from "./audit-entry.ts";
import type { Position } from "./position.ts";

export type AuditStore = {
  /** An id that is known changes nothing. */
  record(entry: AuditEntry): Promise<void>;
  /** The newest first, after the position. */
  list(
    filter: AuditFilter,
    page: { limit: number; after: Position | undefined },
  ): Promise<readonly AuditEntry[]>;
};
