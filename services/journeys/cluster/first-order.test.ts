// The first paid order through the ingress: over REST, and over gRPC by reflection and with a token.

import { randomUUID } from "node:crypto";
import { afterAll, expect, test } from "vitest";
import { ingressAddress, main, must, say, shopThroughIngress, until } from "./cluster.ts";

const shop = shopThroughIngress();
afterAll(() => shop.close());

const shopper = { username: `shopper-${randomUUID().slice(0, 8)}`, password: `pw-${randomUUID()}` };
const grpcurl = (...args: string[]) =>
  must("grpcurl", [
    "-plaintext",
    "-authority",
    main.host,
    ...args.slice(0, -1),
    ingressAddress,
    ...args.slice(-1),
  ]);

test("a stranger registers, buys a mug through the ingress and sees it paid", async () => {
  const startedMs = Date.now();
  await shop.register(shopper);
  // The ingress's proxies learn the keys of tokens after the store has made them.
  const { access_token: token } = await shop.login(shopper);
  await until(
    "the token is believed",
    () => shop.ask("/cart", { token }),
    ({ status }) => status === 200,
    120_000,
  );
  const [mug] = await shop.products("mug");
  await shop.addToCart(token, mug?.product_id ?? "", 1);
  const bought = await shop.checkout(token, randomUUID());
  expect(bought).toMatchObject({ is: "ordered", order: { status: "paid" } });
  say(`first paid order through the ingress after ${((Date.now() - startedMs) / 1_000).toFixed(1)} s`);
}, 300_000);

test("gRPC through the ingress: by reflection, and with a token", async () => {
  expect(await grpcurl("list")).toContain("webstore.storefront.v1.StorefrontService");
  const { access_token: token } = await shop.login(shopper);
  const orders = await must("grpcurl", [
    ...["-plaintext", "-authority", main.host, "-H", `authorization: Bearer ${token}`],
    ...["-d", "{}", ingressAddress, "webstore.storefront.v1.StorefrontService/ListOrders"],
  ]);
  expect(orders).toContain(`"status": "paid"`);
});
