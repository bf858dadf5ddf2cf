// Stock and the reservations on it, in SQLite.
//
// Invariants:
//   I1. available + reserved of a product changes only by `setStock`; neither is ever
//       negative (the table checks it too).
//   I2. A reservation takes all of its lines or none.
//   I3. A reservation id is used once: it is reserved, then released, and stays so. An id
//       released before it was reserved is released for good, so that a reserve which
//       arrives after its own release takes nothing.
//   I4. `reserved` of a product is the sum of its quantities over the reserved reservations.

import type { DatabaseSync } from "node:sqlite";
import type { Database } from "@webstore/simulator";
import type { Line, Reservation, ReservationStatus, Stock } from "./api.ts";

export const migrations: readonly string[] = [
  `CREATE TABLE stock (
     product_id TEXT PRIMARY KEY,
     available INTEGER NOT NULL CHECK (available >= 0),
     reserved INTEGER NOT NULL CHECK (reserved >= 0)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE reservations (
     reservation_id TEXT PRIMARY KEY,
     status TEXT NOT NULL CHECK (status IN ('reserved', 'released')),
     lines TEXT NOT NULL,
     created_at TEXT NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX reservations_by_status ON reservations (status, reservation_id);`,
  // Almost all are reserved: they are found without an index, and reserving need not write to one.
  `DROP INDEX reservations_by_status;
   CREATE INDEX reservations_released ON reservations (reservation_id) WHERE status = 'released';`,
];

export type ReserveOutcome =
  | { readonly outcome: "reserved" | "repeated"; readonly reservation: Reservation }
  | { readonly outcome: "out_of_stock"; readonly productIds: readonly string[] }
  | { readonly outcome: "reservation_conflict" | "reservation_released" };

export type InventoryStore = {
  /** One entry for each different product, in the order asked for. */
  stock(productIds: readonly string[]): readonly Stock[];
  /** Sets how many units can be reserved; what is reserved stays. */
  setStock(productId: string, available: number): Stock;
  reserve(reservationId: string, lines: readonly Line[]): ReserveOutcome;
  release(reservationId: string): Reservation;
  find(reservationId: string): Reservation | undefined;
  /** In the order of their ids, starting behind `after`. */
  list(page: {
    status?: ReservationStatus | undefined;
    limit: number;
    after: string;
  }): readonly Reservation[];
  clear(): void;
};

type StockRow = { available: number; reserved: number };
type ReservationRow = {
  reservation_id: string;
  status: ReservationStatus;
  lines: string;
  created_at: string;
};

/** `stockDefault` is what is there of a product that was never heard of before. */
export function openInventoryStore(
  database: Database,
  options: { stockDefault: number; now: () => Date },
): InventoryStore {
  const { sql, transaction } = database;
  const statements = statementsOf(sql);

  function stockOf(productId: string): Stock {
    const row = statements.selectStock.get(productId) as StockRow | undefined;
    const { available, reserved } = row ?? { available: options.stockDefault, reserved: 0 };
    return { product_id: productId, available, reserved };
  }

  function rowOf(reservationId: string): ReservationRow | undefined {
    return statements.selectReservation.get(reservationId) as ReservationRow | undefined;
  }

  function open(reservationId: string, status: ReservationStatus, lines: readonly Line[]): Reservation {
    const createdAt = options.now().toISOString();
    statements.insertReservation.run(reservationId, status, JSON.stringify(lines), createdAt);
    return { reservation_id: reservationId, status, lines: [...lines], created_at: createdAt };
  }

  return {
    stock: (productIds) => [...new Set(productIds)].map(stockOf),

    setStock(productId, available) {
      statements.upsertStock.run(productId, available);
      return stockOf(productId);
    },

    reserve: (reservationId, linesGiven) =>
      transaction((): ReserveOutcome => {
        const lines = canonical(linesGiven);
        const standing = rowOf(reservationId);
        if (standing?.status === "released") return { outcome: "reservation_released" };
        if (standing !== undefined && standing.lines !== JSON.stringify(lines)) {
          return { outcome: "reservation_conflict" };
        }
        if (standing !== undefined) return { outcome: "repeated", reservation: reservationOf(standing) };

        const short = lines.filter((line) => stockOf(line.product_id).available < line.quantity);
        if (short.length > 0) {
          return { outcome: "out_of_stock", productIds: short.map((line) => line.product_id) };
        }

        for (const line of lines)
          statements.takeStock.run(line.product_id, line.quantity, options.stockDefault);
        return { outcome: "reserved", reservation: open(reservationId, "reserved", lines) };
      }),

    release: (reservationId) =>
      transaction(() => {
        const standing = rowOf(reservationId);
        if (standing === undefined) return open(reservationId, "released", []);
        const reservation = reservationOf(standing);
        if (reservation.status === "released") return reservation;
        for (const line of reservation.lines) statements.returnStock.run(line.product_id, line.quantity);
        statements.markReleased.run(reservationId);
        return { ...reservation, status: "released" };
      }),

    find(reservationId) {
      const row = rowOf(reservationId);
      return row === undefined ? undefined : reservationOf(row);
    },

    list({ status, limit, after }) {
      const rows =
        status === undefined
          ? statements.selectPage.all(after, limit)
          : statements.selectPageOf[status].all(after, limit);
      return (rows as ReservationRow[]).map(reservationOf);
    },

    clear() {
      transaction(() => sql.exec("DELETE FROM reservations; DELETE FROM stock"));
    },
  };
}

function statementsOf(sql: DatabaseSync) {
  const selectPageOf = (status: ReservationStatus) =>
    sql.prepare(
      `SELECT * FROM reservations WHERE status = '${status}' AND reservation_id > ? ORDER BY reservation_id LIMIT ?`,
    );
  return {
    selectStock: sql.prepare("SELECT available, reserved FROM stock WHERE product_id = ?"),
    upsertStock: sql.prepare(
      `INSERT INTO stock (product_id, available, reserved) VALUES (?, ?, 0)
     ON CONFLICT (product_id) DO UPDATE SET available = excluded.available`,
    ),
    takeStock: sql.prepare(
      `INSERT INTO stock (product_id, available, reserved) VALUES (?1, ?3 - ?2, ?2)
     ON CONFLICT (product_id) DO UPDATE SET available = available - ?2, reserved = reserved + ?2`,
    ),
    returnStock: sql.prepare(
      "UPDATE stock SET available = available + ?2, reserved = reserved - ?2 WHERE product_id = ?1",
    ),
    selectReservation: sql.prepare("SELECT * FROM reservations WHERE reservation_id = ?"),
    insertReservation: sql.prepare(
      "INSERT INTO reservations (reservation_id, status, lines, created_at) VALUES (?, ?, ?, ?)",
    ),
    markReleased: sql.prepare("UPDATE reservations SET status = 'released' WHERE reservation_id = ?"),
    selectPage: sql.prepare(
      "SELECT * FROM reservations WHERE reservation_id > ? ORDER BY reservation_id LIMIT ?",
    ),
    selectPageOf: { reserved: selectPageOf("reserved"), released: selectPageOf("released") },
  };
}

/** Equal lines in another order are the same reservation. */
function canonical(lines: readonly Line[]): Line[] {
  return lines
    .map(({ product_id, quantity }) => ({ product_id, quantity }))
    .sort((a, b) => (a.product_id < b.product_id ? -1 : 1));
}

function reservationOf(row: ReservationRow): Reservation {
  const lines = JSON.parse(row.lines) as Line[];
  return { reservation_id: row.reservation_id, status: row.status, lines, created_at: row.created_at };
}
