// Orders for a list: the caller's own, or, for staff, everybody's.

import type { ListOrdersResponse, OrderStatus } from "@webstore/proto/orders/v1";
import { callerId } from "./caller.ts";
import type { Ports } from "./definition.ts";

/** `status` as outside, such as `paid`. Whether the caller may see all is the orders service's to decide. */
export async function listOrders(
  { orders }: Pick<Ports, "orders">,
  is: {
    all: boolean;
    customerId: string | undefined;
    status: string | undefined;
    pageSize: number;
    pageToken: string;
  },
): Promise<ListOrdersResponse> {
  // Staff shop too: without a name they would get everybody's orders.
  return orders.listOrders({
    status: `ORDER_STATUS_${(is.status ?? "unspecified").toUpperCase()}` as OrderStatus,
    customerId: is.customerId ?? (is.all ? "" : callerId()),
    pageSize: is.pageSize,
    pageToken: is.pageToken,
  });
}
