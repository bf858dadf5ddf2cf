// Show orders: one, or a page of them. A shopper sees their own; anybody else's does not exist for them.

import { invalidRequest, type Principal, type SagaEngine } from "@webstore/kit";
import { type Draft, type Order, type Status, unopened } from "./order.ts";
import type { OrderStore, PageToken } from "./order-store.ts";
import { refuse } from "./refusals.ts";

const pageSizeDefault = 20;

export type ShowPorts = {
  readonly store: OrderStore;
  readonly sagas: Pick<SagaEngine<never>, "find">;
};

export async function showOrder(orderId: string, asks: Principal, ports: ShowPorts): Promise<Order> {
  const order = await findOrder(orderId, ports);
  if (!maySee(asks, order.customerId)) throw refuse("order_not_found");
  return order;
}

/** Whoever was told the id of an order can look at it, also before it is opened and when it never will be. */
export async function findOrder(orderId: string, { store, sagas }: ShowPorts): Promise<Order> {
  const order = await store.find(orderId);
  if (order !== undefined) return order;
  const saga = await sagas.find(orderId);
  if (saga === undefined) throw refuse("order_not_found");
  // It may have been opened between the two looks.
  const opened = await store.find(orderId);
  return opened ?? unopened(saga.input as unknown as Draft, saga.refusal?.reason ?? "");
}

export async function listOrders(
  is: { status: Status | undefined; customerId: string; pageSize: number; pageToken: string },
  asks: Principal,
  store: OrderStore,
): Promise<{ orders: Order[]; nextPageToken: string }> {
  const isShopper = asks.kind === "user" && asks.role === "user";
  if (isShopper && is.customerId !== "" && is.customerId !== asks.userId)
    return { orders: [], nextPageToken: "" };
  const customerId = isShopper ? asks.userId : is.customerId || undefined;
  const limit = is.pageSize || pageSizeDefault;
  const after = readToken(is.pageToken);
  const found = await store.list({ customerId, status: is.status, limit: limit + 1, after });
  const orders = found.slice(0, limit);
  const last = found.length > limit ? orders.at(-1) : undefined;
  return { orders, nextPageToken: last === undefined ? "" : writeToken(last) };
}

function maySee(asks: Principal, customerId: string): boolean {
  if (asks.kind === "user") return asks.role === "admin" || asks.userId === customerId;
  return asks.kind === "service";
}

function writeToken({ createdAt, orderId }: PageToken): string {
  return Buffer.from(`${createdAt.toISOString()} ${orderId}`).toString("base64url");
}

function readToken(token: string): PageToken | undefined {
  if (token === "") return undefined;
  const [at = "", orderId = ""] = Buffer.from(token, "base64url").toString("utf8").split(" ");
  const createdAt = new Date(at);
  const isOurs = !Number.isNaN(createdAt.getTime()) && /^[0-9a-f-]{36}$/.test(orderId);
  if (!isOurs) throw invalidRequest("page_token", "is not one of ours");
  return { createdAt, orderId };
}
