// The cart in memory, for the tests of other services: the same rules over a map instead of Postgres.
// cart.contract.ts holds it.
//
// It differs from the service, on purpose, in one thing: the kit's checks of `access` and of the fields' rules do not
// run. Who asks is the user of the current context, and another service when there is none.

import type { HandlersOf, PortsOf } from "@webstore/kit";
import type { CartServiceDefinition } from "@webstore/proto/cart/v1";
import { memoryCartStore } from "./cart-store.memory.ts";
import type { cart } from "./definition.ts";
import { rpc } from "./rpc.ts";

/** `catalog` says what can be bought; without it everything can, in US dollars. */
export function fakeCart(
  is: { catalog?: PortsOf<typeof cart>["catalog"]; nowMs?: () => number } = {},
): HandlersOf<typeof CartServiceDefinition> {
  const { catalog = everythingInUsDollars, nowMs = Date.now } = is;
  return rpc({ store: memoryCartStore(), ports: { catalog }, onAdded: () => {}, nowMs });
}

const everythingInUsDollars: PortsOf<typeof cart>["catalog"] = {
  batchGetProducts: async ({ productIds }) => ({
    products: productIds.map((productId) => ({
      productId,
      name: "Anything",
      description: "",
      price: { amountMinor: 1_00n, currency: "USD" },
      tags: [],
      images: [],
      active: true,
      createTime: undefined,
      updateTime: undefined,
    })),
  }),
};
