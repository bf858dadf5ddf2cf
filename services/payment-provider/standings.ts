// How each payment stands, in one narrow row: what is held, taken, refunded and lost. It says nothing that the objects
// do not say; it is what makes the sums over all of them, and a list of them, cheap.
//
// Invariant: a row changes in the transaction that changes its payment intent, charge, refund or dispute.

import type { Charge } from "./charge.ts";
import type { Collection } from "./collection.ts";
import { type Database, seqOf } from "./database.ts";
import type { Dispute } from "./dispute.ts";
import type { PaymentIntent } from "./payment-intent.ts";

/** Amounts are in minor units. */
export type Standing = {
  readonly id: string;
  readonly order_id: string | null;
  readonly payment_id: string | null;
  readonly currency: string;
  readonly status: string;
  readonly amount: number;
  /** Authorized, and neither captured nor let go. */
  readonly held: number;
  readonly captured: number;
  /** Refunds that succeeded or are pending. */
  readonly refunded: number;
  /** Of `refunded`, what may still come back. */
  readonly refunds_pending: number;
  /** Withdrawn by disputes that are open. */
  readonly disputed: number;
  readonly disputed_lost: number;
};

export type Sums = Omit<Standing, "id" | "order_id" | "payment_id" | "currency" | "status" | "amount">;
export type SumsOfStatus = Sums & {
  readonly currency: string;
  readonly status: string;
  readonly count: number;
};

export type Standings = {
  /** The same collection; its changes change the standings. */
  following(intents: Collection<PaymentIntent>): Collection<PaymentIntent>;
  refunded(charge: Charge, pendingChange: number): void;
  disputed(dispute: Dispute): void;
  sums(): readonly SumsOfStatus[];
  /** Oldest first, behind `startingAfter`. */
  list(is: { limit: number; startingAfter: string; orderId: string | undefined }): readonly Standing[];
};

const columns = `id, order_id, payment_id, currency, status, amount, held, captured, refunded, refunds_pending, disputed,
  disputed_lost`;

export function openStandings(database: Database): Standings {
  const insert = database.prepare(`INSERT INTO standings
    (seq, id, order_id, payment_id, currency, status, amount, held, captured) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const update = database.prepare("UPDATE standings SET status = ?, held = ?, captured = ? WHERE seq = ?");
  const refund = database.prepare(
    "UPDATE standings SET refunded = ?, refunds_pending = refunds_pending + ? WHERE seq = ?",
  );
  const dispute = database.prepare("UPDATE standings SET disputed = ?, disputed_lost = ? WHERE seq = ?");
  const sums = database.prepare(`SELECT currency, status, count(*) AS count, sum(held) AS held,
    sum(captured) AS captured, sum(refunded) AS refunded, sum(refunds_pending) AS refunds_pending,
    sum(disputed) AS disputed, sum(disputed_lost) AS disputed_lost
    FROM standings GROUP BY currency, status ORDER BY currency, status`);
  const page = database.prepare(`SELECT ${columns} FROM standings WHERE seq > ? ORDER BY seq LIMIT ?`);
  const pageOfOrder = database.prepare(
    `SELECT ${columns} FROM standings WHERE seq > ? AND order_id = ? ORDER BY seq LIMIT ?`,
  );
  return {
    following(intents) {
      return {
        ...intents,
        insert(intent, parent) {
          const text = intents.insert(intent, parent);
          const { id, currency, status, amount, amount_capturable: held, amount_received: captured } = intent;
          const { order_id: orderId = null, payment_id: paymentId = null } = intent.metadata;
          insert.run(seqOf(id), id, orderId, paymentId, currency, status, amount, held, captured);
          return text;
        },
        update(intent) {
          intents.update(intent);
          update.run(intent.status, intent.amount_capturable, intent.amount_received, seqOf(intent.id));
        },
      };
    },
    refunded(charge, pendingChange) {
      refund.run(charge.amount_refunded, pendingChange, seqOf(charge.payment_intent));
    },
    disputed({ status, amount, payment_intent }) {
      const [open, lost] = status === "won" ? [0, 0] : status === "lost" ? [0, amount] : [amount, 0];
      dispute.run(open, lost, seqOf(payment_intent));
    },
    sums: () => sums.all() as unknown as SumsOfStatus[],
    list({ limit, startingAfter, orderId }) {
      const after = startingAfter === "" ? 0 : seqOf(startingAfter);
      const rows = orderId === undefined ? page.all(after, limit) : pageOfOrder.all(after, orderId, limit);
      return rows as unknown as Standing[];
    },
  };
}
