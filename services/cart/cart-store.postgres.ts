// Carts in Postgres: a row each, and one prepared statement a change. The functions that the statements call are in
// migrations/0001-carts.sql.

import type { Postgres } from "@webstore/kit";
import {
  type AdditionOutcome,
  type Cart,
  emptyCart,
  type Line,
  linesMax,
  quantityMax,
  recentAddsMax,
  recentOrdersMax,
} from "./cart.ts";
import type { CartStore } from "./cart-store.ts";

// Nulls when the customer never had a cart.
type Row = { lines: Line[] | null; currency: string | null; update_time: Date | null };

const shown = "(cart).lines, (cart).currency, (cart).update_time";

export function postgresCartStore(postgres: Postgres): CartStore {
  async function change<Outcome>(name: string, text: string, values: unknown[]) {
    const [rows] = await postgres.commit([{ name, text, values }]);
    return rows?.[0] as Row & { outcome: Outcome };
  }

  return {
    async get(customerId) {
      const [row] = await postgres.query<Row>(
        "select lines, currency, update_time from carts where customer_id = $1",
        [customerId],
        "cart_get",
      );
      return cartOfRow(customerId, row);
    },

    async add(customerId, { productId, quantity, currency, key, nowMs }) {
      const row = await change<AdditionOutcome>(
        "cart_add",
        `select outcome, ${shown} from cart_add($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
        [
          customerId,
          productId,
          quantity,
          currency,
          key,
          new Date(nowMs),
          quantityMax,
          linesMax,
          recentAddsMax,
        ],
      );
      return { outcome: row.outcome, cart: cartOfRow(customerId, row) };
    },

    async setQuantity(customerId, { productId, quantity, nowMs }) {
      const row = await change<"set" | "line_not_found">(
        "cart_set",
        `select outcome, ${shown} from cart_set($1, $2, $3, $4)`,
        [customerId, productId, quantity, new Date(nowMs)],
      );
      return row.outcome === "set" ? cartOfRow(customerId, row) : undefined;
    },

    async clearOrdered(customerId, { orderId, lines, nowMs }) {
      const row = await change(
        "cart_clear_ordered",
        "select lines, currency, update_time from cart_clear_ordered($1, $2, $3, $4, $5)",
        [customerId, orderId, JSON.stringify(lines), new Date(nowMs), recentOrdersMax],
      );
      return cartOfRow(customerId, row);
    },
  };
}

function cartOfRow(customerId: string, row: Row | undefined): Cart {
  if (row === undefined || row.lines === null) {
    const { lines, currency, updateTimeMs } = emptyCart(customerId);
    return { customerId, lines, currency, updateTimeMs };
  }
  const { lines, currency, update_time: updateTime } = row;
  return { customerId, lines, currency: currency ?? "", updateTimeMs: updateTime?.getTime() };
}
