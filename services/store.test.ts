// Where the services of one process find each other.

import { expect, test } from "vitest";
import { placesOf } from "./store.ts";
import { type Member, system } from "./system.ts";

const memberNamed = (name: string) => system.find(({ is }) => is.name === name) as Member;
const orders = memberNamed("orders");

test("who runs here is called by a socket file, and who does not by its port", () => {
  const { shared, of } = placesOf([orders], 1_000, "/run/webstore");
  expect(shared).toMatchObject({
    ORDERS_ADDRESS: "unix:/run/webstore/orders",
    CART_ADDRESS: "127.0.0.1:6103",
    INVENTORY_URL: "http://127.0.0.1:4003",
  });
  expect(of(orders.is)).toEqual({
    RPC_PORT: "6104",
    RPC_SOCKET: "/run/webstore/orders",
    ADMIN_PORT: "6204",
  });
  expect(of(memberNamed("inventory").is)).toEqual({});
});

test.each([
  ["there is no folder for them", undefined],
  ["the folder's path is too long", `/${"deep/".repeat(20)}`],
])("all are called by their ports where %s", (_, folder) => {
  const { shared, of } = placesOf(system, 0, folder);
  const addresses = Object.entries(shared).filter(([name]) => name.endsWith("_ADDRESS"));
  expect(addresses).toHaveLength(system.filter(({ is }) => is.kind === "service").length);
  for (const [, address] of addresses) expect(address).toMatch(/^127\.0\.0\.1:\d+$/);
  expect(of(orders.is)).toMatchObject({ RPC_PORT: "5104", RPC_SOCKET: undefined });
});
