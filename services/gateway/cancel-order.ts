// Ask for an order to be cancelled. What staff ask for is written down first: it may be somebody else's order.

import { currentContext } from "@webstore/kit";
import type { CancelOrderRequest, CancelOrderResponse } from "@webstore/proto/storefront/v1";
import type { Ports } from "./definition.ts";
import { orderView } from "./order-view.ts";
import { type AuditParts, audited } from "./record-audit.ts";

export async function cancelOrder(
  parts: AuditParts & { ports: Pick<Ports, "orders"> },
  { orderId }: CancelOrderRequest,
): Promise<CancelOrderResponse> {
  const { principal } = currentContext();
  const ask = () => parts.ports.orders.cancelOrder({ orderId });
  const audit = { action: "CancelOrder", subject: orderId, detail: "" };
  const isStaff = principal.kind === "user" && principal.role === "admin";
  const { order } = isStaff ? await audited(parts, audit, ask) : await ask();
  return { order: orderView(order) };
}
