// The storefront contract over its three wires: Connect, gRPC-Web and gRPC. One set of handlers, one answer.

import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import type { Running } from "@webstore/kit";
import { testClient } from "@webstore/kit/testing";
import { StorefrontService } from "@webstore/proto/es/storefront/v1";
import { ErrorInfo } from "@webstore/proto/google/rpc/error_details";
import { afterAll, beforeAll, expect, test } from "vitest";
import { gateway as definition } from "./definition.ts";
import { address, ask, newKey } from "./testing-samples.ts";
import { asAda, mug, nothing, openTestStore, pen, type TestStore } from "./testing-store.ts";

let store: TestStore;
let gateway: Running & { readonly url: string };

beforeAll(async () => {
  store = await openTestStore();
  gateway = await store.startGateway();
});
afterAll(async () => {
  await gateway?.stop();
  await store?.stop();
});

const wires = {
  Connect: () => createConnectTransport({ baseUrl: gateway.url, httpVersion: "1.1" }),
  "Connect in binary": () =>
    createConnectTransport({ baseUrl: gateway.url, httpVersion: "1.1", useBinaryFormat: true }),
  "gRPC-Web": () => createGrpcWebTransport({ baseUrl: gateway.url, httpVersion: "1.1" }),
};
const clientOver = (wire: keyof typeof wires) => createClient(StorefrontService, wires[wire]());

const reasonOf = (error: unknown): string => {
  const [detail] = ConnectError.from(error).details;
  if (detail === undefined || !("type" in detail)) return "";
  expect(detail.type).toBe("google.rpc.ErrorInfo");
  return ErrorInfo.decode(detail.value).reason;
};

test.each(Object.keys(wires) as (keyof typeof wires)[])("a shopper shops over %s", async (wire) => {
  const storefront = clientOver(wire);
  const headers = { headers: asAda };
  const { product } = await storefront.getProduct({ productId: mug });
  expect(product).toMatchObject({ name: "Mug", price: { amount: "19.99", currency: "USD" }, stock: 7 });

  await storefront.addToCart({ productId: mug, quantity: 2 }, headers);
  const { cart } = await storefront.addToCart({ productId: pen, quantity: 1 }, headers);
  expect(cart?.subtotal).toMatchObject({ amount: "42.48", currency: "USD" });

  const { "idempotency-key": idempotencyKey } = newKey();
  const request = {
    idempotencyKey,
    paymentMethod: { token: "pm_card_visa" },
    shippingAddress: { name: "Ada", line1: "1 Road", city: "London", postalCode: "N1", country: "GB" },
  };
  const placed = await storefront.checkout(request, headers);
  expect(placed).toMatchObject({ replayed: false, order: { status: "paid" } });
  expect(await storefront.checkout(request, headers)).toMatchObject({
    replayed: true,
    order: { orderId: placed.order?.orderId },
  });
  const { order } = await storefront.getOrder({ orderId: placed.order?.orderId ?? "" }, headers);
  expect(order?.history).toMatchObject([
    { status: "pending", at: { seconds: expect.any(BigInt) } },
    { status: "paid", at: { seconds: expect.any(BigInt) } },
  ]);
});

test.each(Object.keys(wires) as (keyof typeof wires)[])(
  "refusals keep their reasons over %s",
  async (wire) => {
    const storefront = clientOver(wire);
    const failures: [() => Promise<unknown>, Code, string][] = [
      [() => storefront.getProduct({ productId: nothing }), Code.NotFound, "product_not_found"],
      [() => storefront.getProduct({ productId: "not a uuid" }), Code.InvalidArgument, "invalid_request"],
      [() => storefront.listProducts({ minPrice: "cheap" }), Code.InvalidArgument, "invalid_request"],
      [() => storefront.getCart({}), Code.Unauthenticated, "unauthenticated"],
      [
        () => storefront.getCart({}, { headers: { authorization: "Bearer nobody" } }),
        Code.Unauthenticated,
        "unauthenticated",
      ],
      [() => storefront.checkout({}, { headers: asAda }), Code.InvalidArgument, "invalid_request"],
    ];
    for (const [failing, code, reason] of failures) {
      const error = await failing().catch((thrown: unknown) => thrown);
      expect(ConnectError.from(error).code, reason).toBe(code);
      expect(reasonOf(error)).toBe(reason);
    }
  },
);

test("curl can call it with plain JSON", async () => {
  const path = "/webstore.storefront.v1.StorefrontService/ListProducts";
  const answer = await ask(gateway.url + path, { method: "POST", json: { pageSize: 1, search: "mug" } });
  expect(answer.status).toBe(200);
  expect(answer.body.products).toMatchObject([{ productId: mug, price: { amount: "19.99" }, stock: 7 }]);
});

test("too large a message is refused over Connect as well", async () => {
  const failing = clientOver("Connect").login({ username: "x".repeat(2 * 1024 * 1024), password: "x" });
  expect(ConnectError.from(await failing.catch((thrown: unknown) => thrown)).code).toBe(
    Code.ResourceExhausted,
  );
});

test("the same contract is served over gRPC, with the same answers and refusals", async () => {
  const ada = testClient(definition, gateway.urls.rpc ?? "", { token: "user-token-123" });
  const stranger = testClient(definition, gateway.urls.rpc ?? "");
  const { product } = await stranger.getProduct({ productId: mug });
  expect(product).toMatchObject({ name: "Mug", price: { amount: "19.99", currency: "USD" }, stock: 7 });
  const { cart } = await ada.addToCart({ productId: pen, quantity: 1 });
  expect(cart?.lines).toMatchObject([{ productId: pen, unitPrice: { amount: "2.50" } }]);
  await expect(stranger.getCart({})).rejects.toMatchObject({ reason: "unauthenticated" });
  const nowhere = { idempotencyKey: "x", paymentMethod: undefined, shippingAddress: undefined, coupon: "" };
  await expect(ada.checkout(nowhere)).rejects.toMatchObject({ reason: "invalid_request" });
  const somewhere = {
    idempotencyKey: newKey()["idempotency-key"],
    paymentMethod: { token: "pm_card_chargeDeclined" },
    shippingAddress: {
      name: address.name,
      line1: address.line1,
      city: address.city,
      postalCode: "",
      country: "GB",
    },
    coupon: "",
  };
  await expect(ada.checkout(somewhere)).rejects.toMatchObject({
    reason: "card_declined",
    code: "FAILED_PRECONDITION",
  });
  ada.close();
  stranger.close();
});
