// An audit entry: that a member of staff did, or is about to do, something. Nothing sensitive is in it.

export type AuditEntry = {
  /** UUID, chosen by whoever records it: recording it twice is recording it once. */
  readonly auditEntryId: string;
  /** UUID of who did it. */
  readonly actorId: string;
  /** The RPC. */
  readonly action: string;
  /** The id of what it was done to. */
  readonly subject: string;
  readonly detail: string;
  readonly atMs: number;
};

/** Empty: any. */
export type AuditFilter = { readonly actorId: string; readonly subject: string };
