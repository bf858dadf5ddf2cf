// Customers and what they did, in SQLite.
//
// Invariants:
//   C1. An activity id is recorded once; with the same content it is a repeat, with other
//       content, or for another customer, a conflict.
//   C2. Activities are never changed, and are listed in the order in which they were recorded.
//   C3. An activity of a customer never heard of opens the customer, with an empty profile:
//       the two arrive from different senders and in any order.

import type { DatabaseSync } from "node:sqlite";
import type { Database } from "@webstore/simulator";
import type { Activity, ActivityDraft, Customer, Profile } from "./api.ts";

export const migrations: readonly string[] = [
  `CREATE TABLE customers (
     customer_id TEXT PRIMARY KEY,
     profile TEXT NOT NULL,
     created_at TEXT NOT NULL,
     updated_at TEXT NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE activities (
     position INTEGER PRIMARY KEY AUTOINCREMENT,
     activity_id TEXT NOT NULL UNIQUE,
     customer_id TEXT NOT NULL REFERENCES customers,
     content TEXT NOT NULL,
     recorded_at TEXT NOT NULL
   ) STRICT;
   CREATE INDEX activities_by_customer ON activities (customer_id, position);`,
  // Activities are never removed one by one, so positions grow without AUTOINCREMENT, which is a page more to write.
  `ALTER TABLE activities RENAME TO activities_before;
   CREATE TABLE activities (
     position INTEGER PRIMARY KEY,
     activity_id TEXT NOT NULL UNIQUE,
     customer_id TEXT NOT NULL REFERENCES customers,
     content TEXT NOT NULL,
     recorded_at TEXT NOT NULL
   ) STRICT;
   INSERT INTO activities SELECT position, activity_id, customer_id, content, recorded_at FROM activities_before;
   DROP TABLE activities_before;
   CREATE INDEX activities_by_customer ON activities (customer_id, position);`,
];

export type RecordOutcome =
  | { readonly outcome: "recorded" | "repeated"; readonly activity: Activity }
  | { readonly outcome: "activity_conflict" };

export type CrmStore = {
  /** Replaces the whole profile: a field that is left out is forgotten. */
  putCustomer(
    customerId: string,
    profile: Profile,
  ): { readonly created: boolean; readonly customer: Customer };
  findCustomer(customerId: string): Customer | undefined;
  recordActivity(customerId: string, draft: ActivityDraft): RecordOutcome;
  /** Starting behind the activity `after`; undefined when the customer has no such activity. */
  listActivities(
    customerId: string,
    page: { limit: number; after?: string | undefined },
  ): readonly Activity[] | undefined;
  clear(): void;
};

type CustomerRow = { customer_id: string; profile: string; created_at: string; updated_at: string };
type ActivityRow = {
  position: number;
  activity_id: string;
  customer_id: string;
  content: string;
  recorded_at: string;
};

export function openCrmStore(database: Database, options: { now: () => Date }): CrmStore {
  const { sql, transaction } = database;
  const statements = statementsOf(sql);

  function findCustomer(customerId: string): Customer | undefined {
    const row = statements.selectCustomer.get(customerId) as CustomerRow | undefined;
    return row === undefined ? undefined : customerOf(row);
  }

  function findActivity(activityId: string): ActivityRow | undefined {
    return statements.selectActivity.get(activityId) as ActivityRow | undefined;
  }

  return {
    putCustomer: (customerId, profile) =>
      transaction(() => {
        const before = findCustomer(customerId);
        const now = options.now().toISOString();
        statements.upsertCustomer.run(customerId, JSON.stringify(profile), now);
        const customer = {
          customer_id: customerId,
          ...profile,
          created_at: before?.created_at ?? now,
          updated_at: now,
        };
        return { created: before === undefined, customer };
      }),

    findCustomer,

    recordActivity: (customerId, draft) =>
      transaction((): RecordOutcome => {
        const content = JSON.stringify(draft);
        const standing = findActivity(draft.activity_id);
        if (standing !== undefined && (standing.customer_id !== customerId || standing.content !== content)) {
          return { outcome: "activity_conflict" };
        }
        if (standing !== undefined) return { outcome: "repeated", activity: activityOf(standing) };

        const recordedAt = options.now().toISOString();
        statements.openCustomer.run(customerId, recordedAt);
        statements.insertActivity.run(draft.activity_id, customerId, content, recordedAt);
        return {
          outcome: "recorded",
          activity: { ...draft, customer_id: customerId, recorded_at: recordedAt },
        };
      }),

    listActivities(customerId, { limit, after }) {
      const last = after === undefined ? undefined : findActivity(after);
      if (after !== undefined && last?.customer_id !== customerId) return undefined;
      const rows = statements.selectPage.all(customerId, last?.position ?? 0, limit) as ActivityRow[];
      return rows.map(activityOf);
    },

    clear() {
      transaction(() => sql.exec("DELETE FROM activities; DELETE FROM customers"));
    },
  };
}

function statementsOf(sql: DatabaseSync) {
  return {
    selectCustomer: sql.prepare("SELECT * FROM customers WHERE customer_id = ?"),
    upsertCustomer: sql.prepare(
      `INSERT INTO customers (customer_id, profile, created_at, updated_at) VALUES (?1, ?2, ?3, ?3)
     ON CONFLICT (customer_id) DO UPDATE SET profile = excluded.profile, updated_at = excluded.updated_at`,
    ),
    openCustomer: sql.prepare(
      `INSERT INTO customers (customer_id, profile, created_at, updated_at) VALUES (?1, '{}', ?2, ?2)
     ON CONFLICT (customer_id) DO NOTHING`,
    ),
    selectActivity: sql.prepare("SELECT * FROM activities WHERE activity_id = ?"),
    insertActivity: sql.prepare(
      "INSERT INTO activities (activity_id, customer_id, content, recorded_at) VALUES (?, ?, ?, ?)",
    ),
    selectPage: sql.prepare(
      "SELECT * FROM activities WHERE customer_id = ? AND position > ? ORDER BY position LIMIT ?",
    ),
  };
}

function customerOf(row: CustomerRow): Customer {
  const profile = JSON.parse(row.profile) as Profile;
  return {
    customer_id: row.customer_id,
    ...profile,
    created_at: row.created_at,
    updated_at: row.updated_at,
  };
}

function activityOf(row: ActivityRow): Activity {
  const draft = JSON.parse(row.content) as ActivityDraft;
  return { ...draft, customer_id: row.customer_id, recorded_at: row.recorded_at };
}
