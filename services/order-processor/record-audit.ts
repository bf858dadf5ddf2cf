// Write down what a member of staff is about to do, before they do it.

import type { AuditEntry } from "./audit-entry.ts";
import type { AuditStore } from "./audit-store.ts";

export async function recordAudit(
  { audit, nowMs }: { readonly audit: AuditStore; readonly nowMs: () => number },
  entry: Omit<AuditEntry, "atMs">,
): Promise<void> {
  await audit.record({ ...entry, atMs: nowMs() });
}
