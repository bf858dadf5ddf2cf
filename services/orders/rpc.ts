// The contract, method by method: message → use case → message.

import { currentContext, type HandlersOf, type Outbox, type SagaDesk } from "@webstore/kit";
import type { OrderServiceDefinition } from "@webstore/proto/orders/v1";
import { cancelOrder } from "./cancel-order.ts";
import { executeCancellation } from "./execute-cancellation.ts";
import { importOrder } from "./import-order.ts";
import { compensateSaga, getSaga, listSagas, retrySaga } from "./operate-sagas.ts";
import { messageOf, statusMessageOf, statusOf } from "./order-message.ts";
import { priceOrder } from "./price-order.ts";
import { deskStatusOf, journalMessageOf, sagaMessageOf } from "./saga-message.ts";
import { listOrders, showOrder } from "./show-orders.ts";
import { type SubmitPorts, submitOrder } from "./submit-order.ts";
import { transitionOrder } from "./transition-order.ts";
import { updateOrderPaymentStatus } from "./update-order-payment-status.ts";

const waitMsDefault = 10_000;

export function rpc(
  parts: SubmitPorts & { readonly outbox: Outbox; readonly desk: SagaDesk },
): HandlersOf<typeof OrderServiceDefinition> {
  return {
    async placeOrder({
      idempotencyKey,
      paymentMethodToken,
      shippingAddress,
      coupon,
      waitMs = waitMsDefault,
    }) {
      const { principal, span } = currentContext();
      const { order, ...answer } = await submitOrder(
        {
          customerId: principal.kind === "user" ? principal.userId : "",
          idempotencyKey,
          paymentMethodToken,
          shippingAddress: shippingAddress as NonNullable<typeof shippingAddress>,
          coupon,
          waitMs,
          traceparent: span?.traceparent ?? "",
        },
        parts,
      );
      return { order: messageOf(order), ...answer };
    },

    async getOrder({ orderId }) {
      return { order: messageOf(await showOrder(orderId, currentContext().principal, parts)) };
    },

    async listOrders({ status, customerId, pageSize, pageToken }) {
      const filter = { status: statusOf(status), customerId, pageSize, pageToken };
      const { orders, nextPageToken } = await listOrders(filter, currentContext().principal, parts.store);
      return { orders: orders.map(messageOf), nextPageToken };
    },

    async cancelOrder({ orderId }) {
      return { order: messageOf(await cancelOrder(orderId, currentContext().principal, parts)) };
    },

    async updateOrderPaymentStatus({ occurredAt, ...notification }) {
      const at = occurredAt as NonNullable<typeof occurredAt>;
      const { status, applied } = await updateOrderPaymentStatus({ ...notification, occurredAt: at }, parts);
      return { status: statusMessageOf(status), applied };
    },

    async executeCancellation({ orderId }) {
      return { order: messageOf(await executeCancellation(orderId, parts)) };
    },

    async importOrder({ shippingAddress, ...asked }) {
      const address = shippingAddress as NonNullable<typeof shippingAddress>;
      const { order, replayed } = await importOrder({ ...asked, shippingAddress: address }, parts);
      return { order: messageOf(order), replayed };
    },

    async priceOrder({ orderId }) {
      return { order: messageOf(await priceOrder(orderId, parts)) };
    },

    async listSagas({ status, ...filter }) {
      const { sagas, nextToken } = await listSagas({ ...filter, status: deskStatusOf(status) }, parts.desk);
      return { sagas: sagas.map(sagaMessageOf), nextPageToken: nextToken };
    },

    async getSaga({ sagaId }) {
      const { saga, trail } = await getSaga(sagaId, parts.desk);
      return { saga: sagaMessageOf(saga), journal: trail.map(journalMessageOf) };
    },

    async retrySaga({ sagaId }) {
      return { saga: sagaMessageOf(await retrySaga(sagaId, parts.desk)) };
    },

    async compensateSaga({ sagaId }) {
      return { saga: sagaMessageOf(await compensateSaga(sagaId, parts.desk)) };
    },

    async transitionOrder({ orderId, status, reason }) {
      return { order: messageOf(await transitionOrder({ orderId, to: statusOf(status), reason }, parts)) };
    },
  };
}
