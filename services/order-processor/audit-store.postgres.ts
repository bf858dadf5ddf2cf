// Audit entries in Postgres. A trigger of the table refuses every change of what is there.

import type { Postgres, Write } from "@webstore/kit";
import type { AuditEntry } from "./audit-entry.ts";
import type { AuditStore } from "./audit-store.ts";
import { openConditions } from "./conditions.ts";

/** For the commit of what the entry is about. */
export function recordWrite({ auditEntryId, actorId, action, subject, detail, atMs }: AuditEntry): Write {
  return [
    {
      name: "audit_record",
      text: "insert into audit_entries values ($1, $2, $3, $4, $5, $6) on conflict (audit_entry_id) do nothing",
      values: [auditEntryId, actorId, action, subject, detail, new Date(atMs)],
    },
  ];
}

type Row = {
  audit_entry_id: string;
  actor_id: string;
  action: string;
  subject: string;
  detail: string;
  at: Date;
};

export function postgresAuditStore(postgres: Postgres): AuditStore {
  return {
    async record(entry) {
      await postgres.commit(recordWrite(entry));
    },
    async list({ actorId, subject }, { limit, after }) {
      const where = openConditions();
      if (actorId !== "") where.and((one) => `actor_id = ${one}`, actorId);
      if (subject !== "") where.and((one) => `subject = ${one}`, subject);
      if (after !== undefined)
        where.and((at, id) => `(at, audit_entry_id) < (${at}, ${id})`, new Date(after.atMs), after.id);
      // Without a name: what it looks for differs, and each is planned for what it is.
      const rows = await postgres.query<Row>(
        `select audit_entry_id, actor_id, action, subject, detail, at from audit_entries
         ${where.text} order by at desc, audit_entry_id desc limit ${where.place(limit)}`,
        where.values,
      );
      return rows.map((row) => ({
        auditEntryId: row.audit_entry_id,
        actorId: row.actor_id,
        action: row.action,
        subject: row.subject,
        detail: row.detail,
        atMs: row.at.getTime(),
      }));
    },
  };
}
