import { expect, test } from "vitest";
import { unlistedEdges } from "./source-edges.ts";
import { services } from "./testing.ts";

const found = (path: string, text: string) =>
  unlistedEdges([{ path, text }], services).map((each) => each.found);

test("another service's contract as a value is a client of it", () => {
  const text = 'import { OrderServiceDefinition } from "@webstore/proto/orders/v1";';
  expect(found("cart/sneak.ts", text)).toEqual([
    "imports the contract of orders as a value, which only a client needs",
  ]);
  expect(found("cart/sneak.ts", 'import { OrderService } from "@webstore/proto/es/orders/v1";')).toHaveLength(
    1,
  );
  expect(
    found(
      "cart/sneak.ts",
      'import {\n  type Order,\n  OrderServiceDefinition as Hidden,\n} from "@webstore/proto/orders/v1";',
    ),
  ).toHaveLength(1);
});

test("so is a transport, whatever it is used for", () => {
  expect(found("cart/sneak.ts", 'import { Client } from "@grpc/grpc-js";')).toEqual([
    "imports @grpc/grpc-js, with which clients are made by hand",
  ]);
  expect(found("cart/sneak.ts", 'import * as grpc from "@grpc/grpc-js";')).toHaveLength(1);
});

test.each([
  ["its messages", "cart/rpc.ts", 'import { Order } from "@webstore/proto/orders/v1";'],
  ["its types", "cart/rpc.ts", 'import type { OrderServiceDefinition } from "@webstore/proto/orders/v1";'],
  [
    "a type among values",
    "cart/rpc.ts",
    'import { Order, type OrderServiceDefinition } from "@webstore/proto/orders/v1";',
  ],
  [
    "one's own contract",
    "orders/http.ts",
    'import { OrderServiceDefinition } from "@webstore/proto/orders/v1";',
  ],
  [
    "a contract that no service serves for others",
    "gateway/http.ts",
    'import { OpsServiceDefinition } from "@webstore/proto/ops/v1";',
  ],
  [
    "a definition",
    "payments/definition.ts",
    'import { OrderServiceDefinition } from "@webstore/proto/orders/v1";',
  ],
  ["a test", "cart/rpc.test.ts", 'import { OrderServiceDefinition } from "@webstore/proto/orders/v1";'],
  ["a test's helper", "cart/testing-shop.ts", 'import { Client } from "@grpc/grpc-js";'],
  ["the kit", "kit/rpc-client.ts", 'import { Client } from "@grpc/grpc-js";'],
])("%s is none", (_, path, text) => {
  expect(found(path, text)).toEqual([]);
});
