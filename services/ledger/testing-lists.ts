// The lists of orders and payments as their contracts answer them, out of a world: newest first, by page, with filters.
// They are for the ledger itself: whose comparison it is, and how long their token lasts, must not matter.

import type { HandlersOf } from "@webstore/kit";
import { currentContext, Refusal } from "@webstore/kit";
import type { OrderServiceDefinition } from "@webstore/proto/orders/v1";
import type { PaymentServiceDefinition } from "@webstore/proto/payments/v1";
import type { World } from "./testing-world.ts";

type Orders = Pick<HandlersOf<typeof OrderServiceDefinition>, "listOrders" | "getOrder">;
type Payments = Pick<HandlersOf<typeof PaymentServiceDefinition>, "listPayments" | "listProviderPayments">;

export function ordersOf(world: World): Orders {
  return {
    async listOrders({ pageSize, pageToken }) {
      refuseUsers();
      const { items, nextPageToken } = pageOf(world.orders, pageSize, pageToken);
      return { orders: items, nextPageToken };
    },
    async getOrder({ orderId }) {
      const order = world.orders.find((each) => each.orderId === orderId);
      if (order === undefined) {
        const message = "There is no such order.";
        throw new Refusal({ service: "orders", reason: "order_not_found", code: "NOT_FOUND", message });
      }
      return { order };
    },
  };
}

export function paymentsOf(world: World): Payments {
  return {
    async listPayments({ orderId, pageSize, pageToken }) {
      refuseUsers();
      const found = world.payments.filter((each) => orderId === "" || each.orderId === orderId);
      const { items, nextPageToken } = pageOf(found, pageSize, pageToken);
      return { payments: items, nextPageToken };
    },
    async listProviderPayments({ createdSince, createdBefore, pageSize, pageToken }) {
      const [sinceMs, beforeMs] = [createdSince?.getTime() ?? 0, createdBefore?.getTime() ?? Infinity];
      const found = world.provider.filter((each) => timeOf(each) >= sinceMs && timeOf(each) < beforeMs);
      const { items, nextPageToken } = pageOf(found, pageSize, pageToken);
      return { payments: items, nextPageToken };
    },
  };
}

function refuseUsers(): void {
  if (currentContext().principal.kind === "user") throw new Error("asked in the name of a user");
}

type Listed = { readonly createTime: Date | undefined };

const timeOf = ({ createTime }: Listed): number => createTime?.getTime() ?? 0;

function pageOf<T extends Listed>(all: readonly T[], pageSize: number, pageToken: string) {
  const size = pageSize || 20;
  const at = Number(pageToken || "0");
  const items = [...all].sort((a, b) => timeOf(b) - timeOf(a)).slice(at, at + size);
  return { items, nextPageToken: at + size < all.length ? String(at + size) : "" };
}
