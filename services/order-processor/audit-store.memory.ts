// Audit entries in memory, for the fake.

import type { AuditEntry } from "./audit-entry.ts";
import type { AuditStore } from "./audit-store.ts";
import { isAfter, newestFirst } from "./position.ts";

export function memoryAuditStore(): AuditStore {
  const entries = new Map<string, AuditEntry>();
  return {
    async record(entry) {
      if (!entries.has(entry.auditEntryId)) entries.set(entry.auditEntryId, entry);
    },
    async list({ actorId, subject }, { limit, after }) {
      return [...entries.values()]
        .filter((entry) => actorId === "" || entry.actorId === actorId)
        .filter((entry) => subject === "" || entry.subject === subject)
        .filter((entry) => after === undefined || isAfter(positionOf(entry), after))
        .sort((a, b) => newestFirst(positionOf(a), positionOf(b)))
        .slice(0, limit);
    },
  };
}

const positionOf = ({ atMs, auditEntryId: id }: AuditEntry) => ({ atMs, id });
