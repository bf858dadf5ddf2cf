// What staff do is written down first, then done.
//
// Invariant A1: nothing is changed that is not in the audit log; when it cannot be written to, nothing is changed.
// An entry therefore says what was asked for, not that it succeeded.

import { currentContext, uuidOf } from "@webstore/kit";
import { callerId } from "./caller.ts";
import type { Ports } from "./definition.ts";

export type Audit = {
  /** The RPC, such as `RetrySaga`. */
  readonly action: string;
  /** The id of what it is done to. */
  readonly subject: string;
  /** What is asked for; nothing sensitive. At most 500 characters. */
  readonly detail: string;
};

export type AuditParts = {
  readonly ports: Pick<Ports, "orderProcessor">;
  readonly newId: () => string;
};

export async function audited<T>(
  { ports, newId }: AuditParts,
  audit: Audit,
  change: () => Promise<T>,
): Promise<T> {
  const actorId = callerId();
  await ports.orderProcessor.recordAudit({
    auditEntryId: entryIdOf(actorId, audit, newId),
    actorId,
    ...audit,
  });
  return change();
}

/** A request that is repeated under its key is one entry; without a key every request is one of its own. */
function entryIdOf(actorId: string, { action, subject, detail }: Audit, newId: () => string): string {
  const { idempotencyKey } = currentContext();
  if (idempotencyKey === undefined) return newId();
  return uuidOf(actorId, action, subject, detail, idempotencyKey);
}
