// The orders service as the gateway's tests need it: orders the caller's fake cart at once, and fails as the card's
// token says.

import { randomUUID } from "node:crypto";
import { currentContext, defineRefusals, type HandlersOf } from "@webstore/kit";
import type { CartServiceDefinition } from "@webstore/proto/cart/v1";
import type { CatalogServiceDefinition, Product } from "@webstore/proto/catalog/v1";
import type {
  ImportOrderRequest,
  Order,
  OrderServiceDefinition,
  OrderStatus,
  PlaceOrderRequest,
  UpdateOrderPaymentStatusRequest,
} from "@webstore/proto/orders/v1";

type Around = {
  readonly cart: HandlersOf<typeof CartServiceDefinition>;
  readonly catalog: HandlersOf<typeof CatalogServiceDefinition>;
};

const refusals = defineRefusals("orders", {
  cart_empty: { code: "FAILED_PRECONDITION", caller: "The cart is empty.", operator: "" },
  card_declined: { code: "FAILED_PRECONDITION", caller: "The card was declined.", operator: "" },
  payment_action_required: { code: "FAILED_PRECONDITION", caller: "The bank asks.", operator: "" },
  out_of_stock: { code: "FAILED_PRECONDITION", caller: "Not enough in stock.", operator: "" },
  amount_too_large: { code: "OUT_OF_RANGE", caller: "The total is too large.", operator: "" },
  partner_unavailable: { code: "UNAVAILABLE", caller: "A partner does not answer.", operator: "" },
  idempotency_key_reused: { code: "ALREADY_EXISTS", caller: "The key is taken.", operator: "" },
  order_not_found: { code: "NOT_FOUND", caller: "There is no such order.", operator: "" },
  order_not_cancellable: { code: "FAILED_PRECONDITION", caller: "It is too late.", operator: "" },
});

/** What a card's token makes of the order. */
const refusalByToken: Readonly<Record<string, keyof typeof refusals.entries>> = {
  pm_card_chargeDeclined: "card_declined",
  pm_card_authenticationRequired: "payment_action_required",
  pm_card_outOfStock: "out_of_stock",
  pm_card_tooLarge: "amount_too_large",
  pm_card_partnerDown: "partner_unavailable",
};

export const slowToken = "pm_card_slow";
export const askingToken = "pm_card_asking";
export const bugToken = "pm_card_bug";

export type TestingOrders = HandlersOf<typeof OrderServiceDefinition> & {
  /** What it was told of payments, by notification. */
  readonly notified: Map<string, UpdateOrderPaymentStatusRequest>;
};

export function testingOrders({ cart, catalog }: Around): TestingOrders {
  const notified: TestingOrders["notified"] = new Map();
  const orders = new Map<string, { order: Order; asked: string }>();
  const find = (orderId: string): Order => {
    const found = [...orders.values()].find(({ order }) => order.orderId === orderId)?.order;
    const { principal } = currentContext();
    const staff = principal.kind === "service" || (principal.kind === "user" && principal.role === "admin");
    if (found === undefined || (!staff && found.customerId !== callerId()))
      throw refusals.refuse("order_not_found");
    return found;
  };
  return {
    placeOrder: async (request) => {
      const key = `${callerId()} ${request.idempotencyKey}`;
      const asked = JSON.stringify([request.paymentMethodToken, request.shippingAddress, request.coupon]);
      const known = orders.get(key);
      if (known !== undefined && known.asked !== asked) throw refusals.refuse("idempotency_key_reused");
      if (known !== undefined) return answerOf(known.order, true, request.paymentMethodToken);
      const order = await orderOf(request, { cart, catalog });
      orders.set(key, { order, asked });
      return answerOf(order, false, request.paymentMethodToken);
    },
    getOrder: async ({ orderId }) => ({ order: find(orderId) }),
    listOrders: async ({ customerId, status }) => {
      const all = [...orders.values()].map(({ order }) => order);
      const matching = all.filter(
        (order) =>
          (customerId === "" || order.customerId === customerId) &&
          (status === "ORDER_STATUS_UNSPECIFIED" || order.status === status),
      );
      return { orders: matching, nextPageToken: "" };
    },
    cancelOrder: async ({ orderId }) => {
      const order = find(orderId);
      if (order.status === "ORDER_STATUS_PENDING") throw refusals.refuse("order_not_cancellable");
      order.cancelRequested = true;
      return { order };
    },
    updateOrderPaymentStatus: async (request) => {
      const { status } = find(request.orderId);
      const known = notified.has(request.notificationId);
      notified.set(request.notificationId, request);
      return { status, applied: !known };
    },
    importOrder: async (request) => {
      const known = orders.get(request.orderId);
      if (known !== undefined) return { order: known.order, replayed: true };
      const order = importedOrder(request);
      orders.set(request.orderId, { order, asked: "" });
      return { order, replayed: false };
    },
    transitionOrder: unused,
    executeCancellation: unused,
    priceOrder: unused,
    listSagas: unused,
    getSaga: unused,
    retrySaga: unused,
    compensateSaga: unused,
    notified,
  };
}

/** The one card whose bank asks the shopper first. */
const answerOf = (order: Order, replayed: boolean, token = "") => ({
  order,
  replayed,
  paymentClientSecret: token === askingToken ? "pi_1_secret_2" : "",
});

const unused = () => Promise.reject(new Error("the gateway does not call this"));

function callerId(): string {
  const { principal } = currentContext();
  return principal.kind === "user" ? principal.userId : "";
}

async function orderOf(request: PlaceOrderRequest, { cart, catalog }: Around): Promise<Order> {
  const token = request.paymentMethodToken;
  if (token === bugToken) throw new Error("duplicate key value violates unique constraint orders_pkey");
  const { lines = [] } = (await cart.getCart({ customerId: "" })).cart ?? {};
  if (lines.length === 0) throw refusals.refuse("cart_empty");
  const reason = refusalByToken[token];
  if (reason !== undefined) throw refusals.refuse(reason, { decline_code: "generic_decline" });
  const { products } = await catalog.batchGetProducts({ productIds: lines.map((line) => line.productId) });
  const orderId = randomUUID();
  await cart.clearOrderedLines({ customerId: callerId(), orderId, lines });
  const status: OrderStatus = [slowToken, askingToken].includes(token)
    ? "ORDER_STATUS_PENDING"
    : "ORDER_STATUS_PAID";
  return newOrder({ orderId, status, request, lines: lines.map((line) => priced(line, products)) });
}

type OrderLine = Order["lines"][number];

function priced(line: { productId: string; quantity: number }, products: readonly Product[]): OrderLine {
  const product = products.find(({ productId }) => productId === line.productId);
  const { amountMinor = 0n, currency = "USD" } = product?.price ?? {};
  return {
    ...line,
    name: product?.name ?? "",
    unitPrice: { amountMinor, currency },
    lineTotal: { amountMinor: amountMinor * BigInt(line.quantity), currency },
  };
}

function newOrder(is: {
  orderId: string;
  status: OrderStatus;
  request: Pick<PlaceOrderRequest, "shippingAddress" | "coupon">;
  lines: OrderLine[];
}): Order {
  const subtotalMinor = is.lines.reduce((sum, { lineTotal }) => sum + (lineTotal?.amountMinor ?? 0n), 0n);
  const usd = (amountMinor: bigint) => ({ amountMinor, currency: "USD" });
  const at = new Date("2026-01-02T03:04:05.678Z");
  const paid = is.status === "ORDER_STATUS_PAID";
  return {
    orderId: is.orderId,
    customerId: callerId(),
    status: is.status,
    lines: is.lines,
    subtotal: usd(subtotalMinor),
    shipping: usd(5_99n),
    discount: usd(1_00n),
    total: usd(subtotalMinor + 4_99n),
    shippingAddress: is.request.shippingAddress,
    paymentId: paid ? randomUUID() : "",
    receiptUrl: paid ? "https://receipts.example/1" : "",
    failureReason: "",
    history: [{ status: is.status, at, reason: "" }],
    createTime: at,
    country: "US",
    coupon: is.request.coupon,
    campaign: "",
    refunded: usd(0n),
    updateTime: at,
    cancelRequested: false,
    fee: undefined,
    channel: "",
    priced: true,
  };
}

function importedOrder(is: ImportOrderRequest): Order {
  const lines = is.lines.map((line) => ({ ...line, name: "", unitPrice: undefined, lineTotal: undefined }));
  const request = { shippingAddress: is.shippingAddress, coupon: "" };
  const order = newOrder({ orderId: is.orderId, status: "ORDER_STATUS_NEW", request, lines });
  const unpriced = { subtotal: undefined, shipping: undefined, discount: undefined, total: undefined };
  return { ...order, ...unpriced, customerId: is.customerId, channel: is.channel, priced: false };
}
