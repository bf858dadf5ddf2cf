// Orders over real gRPC and Postgres, held to its contract; and what only the service does: it checks who asks and what
// is asked.

import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createFileRegistry, fromBinary, getOption } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { refusals as refusalsOption } from "@webstore/proto/es/options/v1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { notTriedHere, refusedBefore, refusedUnderWay } from "./contract/refusing.ts";
import { address, refusalOf, request, shopOf } from "./contract/shop.ts";
import { orders } from "./definition.ts";
import { ordersContract } from "./orders.contract.ts";
import { type OrdersClient, openRealOrders, type RealOrders, type Who } from "./testing-world.ts";

ordersContract("orders over gRPC and Postgres", openRealOrders);

test("every reason for which an order is not placed is tried, or says why not", () => {
  const bytes = readFileSync(new URL(import.meta.resolve("@webstore/proto/descriptors.binpb")));
  const contract = createFileRegistry(fromBinary(FileDescriptorSetSchema, bytes)).getService(
    orders.serves.fullName,
  );
  const method = contract?.methods.find(({ name }) => name === "PlaceOrder");
  const named = method === undefined ? [] : getOption(method, refusalsOption);
  const tried = { ...refusedBefore, ...refusedUnderWay, ...notTriedHere };
  expect(Object.keys(tried).sort()).toEqual([...named].sort());
});

describe("the door of orders", () => {
  let subject: RealOrders;
  beforeAll(async () => {
    subject = await openRealOrders();
  });
  afterAll(() => subject?.stop());
  const shop = shopOf(() => subject);

  const requests = {
    placeOrder: request(),
    getOrder: { orderId: randomUUID() },
    listOrders: { status: "ORDER_STATUS_UNSPECIFIED", customerId: "", pageSize: 0, pageToken: "" },
    cancelOrder: { orderId: randomUUID() },
    updateOrderPaymentStatus: {
      orderId: randomUUID(),
      paymentId: randomUUID(),
      paymentStatus: "PAYMENT_STATUS_CAPTURED",
      notificationId: randomUUID(),
      occurredAt: new Date(0),
      refundedMinor: 0n,
    },
    executeCancellation: { orderId: randomUUID() },
    importOrder: {
      orderId: randomUUID(),
      customerId: randomUUID(),
      lines: [{ productId: randomUUID(), quantity: 1 }],
      shippingAddress: address,
      channel: "phone",
    },
    priceOrder: { orderId: randomUUID() },
    listSagas: {
      status: "SAGA_STATUS_UNSPECIFIED",
      name: "",
      orderId: "",
      idleSecondsMin: 0,
      pageSize: 0,
      pageToken: "",
    },
    getSaga: { sagaId: randomUUID() },
    retrySaga: { sagaId: randomUUID() },
    compensateSaga: { sagaId: randomUUID() },
    transitionOrder: { orderId: randomUUID(), status: "ORDER_STATUS_PROCESSING", reason: "" },
  } satisfies { [M in keyof OrdersClient]: Parameters<OrdersClient[M]>[0] };
  type MethodName = keyof typeof requests;

  const ask = (who: Who, method: MethodName, wrong: object = {}) =>
    (subject.as(who)[method] as (request: object) => Promise<unknown>)({ ...requests[method], ...wrong });
  const reasonOf = async (answer: Promise<unknown>) => {
    try {
      await answer;
      return "answered";
    } catch (error) {
      return (error as { reason?: string }).reason ?? String(error);
    }
  };

  test.each([
    ["placeOrder", ["ada", "grace"]],
    ["getOrder", ["ada", "grace", "service"]],
    ["listOrders", ["ada", "grace", "service"]],
    ["cancelOrder", ["ada", "grace"]],
    ["updateOrderPaymentStatus", ["service"]],
    ["executeCancellation", ["service"]],
    ["importOrder", ["grace", "service"]],
    ["priceOrder", ["service"]],
    ["listSagas", ["service"]],
    ["getSaga", ["service"]],
    ["retrySaga", ["service"]],
    ["compensateSaga", ["service"]],
    ["transitionOrder", ["grace", "service"]],
  ] as const)("%s is for %s, and for nobody else", async (method, allowed) => {
    for (const who of ["ada", "grace", "service", "anybody"] as const) {
      const reason = await reasonOf(ask(who, method));
      if ((allowed as readonly Who[]).includes(who))
        expect(["answered", "order_not_found", "cart_empty", "saga_not_found"]).toContain(reason);
      else expect(reason).toBe(who === "anybody" ? "unauthenticated" : "permission_denied");
    }
  });

  test.each([
    ["placeOrder", "a key that is no UUID", { idempotencyKey: "1" }],
    ["placeOrder", "no key", { idempotencyKey: "" }],
    ["placeOrder", "no card", { paymentMethodToken: "" }],
    ["placeOrder", "a card that is no token", { paymentMethodToken: "4242 4242 4242 4242" }],
    ["placeOrder", "a card of 256 characters", { paymentMethodToken: "x".repeat(256) }],
    ["placeOrder", "no address", { shippingAddress: undefined }],
    ["placeOrder", "an address in no country", { shippingAddress: { ...address, country: "Britain" } }],
    ["placeOrder", "an address without a name", { shippingAddress: { ...address, name: "" } }],
    ["placeOrder", "a coupon of 33 characters", { coupon: "x".repeat(33) }],
    ["placeOrder", "a wait of more than 10 s", { waitMs: 10_001 }],
    ["getOrder", "an id that is none", { orderId: "' or 1=1 --" }],
    ["getOrder", "no id", { orderId: "" }],
    ["listOrders", "a customer who is none", { customerId: "everybody" }],
    ["listOrders", "a page of 101", { pageSize: 101 }],
    ["listOrders", "a token of 513 characters", { pageToken: "x".repeat(513) }],
    ["cancelOrder", "an id that is none", { orderId: "1" }],
    ["updateOrderPaymentStatus", "no status", { paymentStatus: "PAYMENT_STATUS_UNSPECIFIED" }],
    ["updateOrderPaymentStatus", "no time", { occurredAt: undefined }],
    ["updateOrderPaymentStatus", "a notification without an id", { notificationId: "" }],
    ["updateOrderPaymentStatus", "no payment", { paymentId: "" }],
    ["updateOrderPaymentStatus", "less than nothing", { refundedMinor: -1n }],
    ["updateOrderPaymentStatus", "more than there is", { refundedMinor: 100_000_000_000n }],
    ["executeCancellation", "an id that is none", { orderId: "1" }],
    ["importOrder", "an id that is none", { orderId: "1" }],
    ["importOrder", "no customer", { customerId: "" }],
    ["importOrder", "no goods", { lines: [] }],
    ["importOrder", "none of a product", { lines: [{ productId: randomUUID(), quantity: 0 }] }],
    ["importOrder", "100 of a product", { lines: [{ productId: randomUUID(), quantity: 100 }] }],
    [
      "importOrder",
      "101 lines",
      { lines: Array.from({ length: 101 }, () => ({ productId: randomUUID(), quantity: 1 })) },
    ],
    ["importOrder", "no address", { shippingAddress: undefined }],
    ["importOrder", "no channel", { channel: "" }],
    ["importOrder", "a channel that is no name", { channel: "'; drop table orders" }],
    ["priceOrder", "no id", { orderId: "" }],
    ["listSagas", "a page of 101", { pageSize: 101 }],
    ["listSagas", "a name of 101 characters", { name: "x".repeat(101) }],
    ["listSagas", "an order that is none", { orderId: "1" }],
    ["listSagas", "a token that is none of ours", { pageToken: "nonsense" }],
    ["getSaga", "an id that is none", { sagaId: "1" }],
    ["retrySaga", "no id", { sagaId: "" }],
    ["compensateSaga", "an id that is none", { sagaId: "' or 1=1 --" }],
    ["transitionOrder", "no status", { status: "ORDER_STATUS_UNSPECIFIED" }],
    ["transitionOrder", "a reason of 201 characters", { reason: "x".repeat(201) }],
  ] as const)("%s with %s is refused before anything is looked at", async (method, _, wrong) => {
    await shop.fill("ada", [await shop.product(), 1]);
    const cart = await shop.cartOf("ada");
    const rows = () =>
      subject.sql("select id from orders.sagas union all select order_id from orders.orders");
    const before = await rows();
    const forPeople = ["placeOrder", "getOrder", "listOrders", "cancelOrder", "transitionOrder"];
    const who = !forPeople.includes(method) ? "service" : method === "transitionOrder" ? "grace" : "ada";
    const refusal = await refusalOf(ask(who, method, wrong));
    expect(refusal).toMatchObject({ service: "kit", reason: "invalid_request", code: "INVALID_ARGUMENT" });
    expect(refusal.message).not.toContain("4242");
    expect(await shop.cartOf("ada")).toEqual(cart);
    expect(await rows()).toEqual(before);
  });
});
