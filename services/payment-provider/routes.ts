// The API's table of contents: method and path → operation.

import { giveUpDispute, updateDispute } from "./dispute-operations.ts";
import {
  cancelPaymentIntent,
  capturePaymentIntent,
  confirmPaymentIntent,
  createPaymentIntent,
  retrievePaymentIntent,
  updatePaymentIntent,
} from "./payment-intent-operations.ts";
import type { Operation } from "./provider.ts";
import {
  listBalanceTransactions,
  listCharges,
  listDisputes,
  listEvents,
  listPaymentIntents,
  listRefunds,
  retrieve,
} from "./read-operations.ts";
import { createRefund } from "./refund-operations.ts";

/** `:id` stands for one segment of the path. */
const routes = new Map<string, Operation>([
  ["POST payment_intents", createPaymentIntent],
  ["GET payment_intents", listPaymentIntents],
  ["GET payment_intents/:id", retrievePaymentIntent],
  ["POST payment_intents/:id", updatePaymentIntent],
  ["POST payment_intents/:id/confirm", confirmPaymentIntent],
  ["POST payment_intents/:id/capture", capturePaymentIntent],
  ["POST payment_intents/:id/cancel", cancelPaymentIntent],
  ["POST refunds", createRefund],
  ["GET refunds", listRefunds],
  ["GET refunds/:id", retrieve("refund", (store) => store.refunds)],
  ["GET charges", listCharges],
  ["GET charges/:id", retrieve("charge", (store) => store.charges)],
  ["GET disputes", listDisputes],
  ["GET disputes/:id", retrieve("dispute", (store) => store.disputes)],
  ["POST disputes/:id", updateDispute],
  ["POST disputes/:id/close", giveUpDispute],
  ["GET events", listEvents],
  ["GET events/:id", retrieve("event", (store) => store.events)],
  ["GET balance_transactions", listBalanceTransactions],
  ["GET balance_transactions/:id", retrieve("balance transaction", (store) => store.balanceTransactions)],
]);

const prefix = "/v1/";

/** `path` without its query. */
export function findRoute(method: string, path: string): { operation: Operation; id: string } | undefined {
  if (!path.startsWith(prefix)) return undefined;
  const [collection = "", id = "", action, ...rest] = path.slice(prefix.length).split("/");
  if (rest.length > 0 || id.length > 255) return undefined;
  const key = id === "" ? `${method} ${collection}` : `${method} ${collection}/:id`;
  const operation = routes.get(action === undefined ? key : `${key}/${action}`);
  return operation === undefined ? undefined : { operation, id };
}
