// What the names of an order's products are asked for, and how often.

import { Outage, Refusal } from "@webstore/kit";
import { expect, test } from "vitest";
import { productNames } from "./product-names.ts";
import { mugAndLamp, mugId, orderWith } from "./testing-notifications.ts";

/** Orders that fails so for its first callers, and then knows every order. */
function openOrders(...failures: Error[]) {
  const asked: string[] = [];
  const namesOf = productNames({
    orders: {
      getOrder: async (request) => {
        asked.push(request.orderId);
        const failure = failures.shift();
        if (failure !== undefined) throw failure;
        return orderWith(mugAndLamp).getOrder(request);
      },
    },
  });
  return { asked, namesOf };
}

test("an order is asked for once, by those who ask at once and by those who come later", async () => {
  const { asked, namesOf } = openOrders();
  const all = [...(await Promise.all([namesOf("one"), namesOf("one")])), await namesOf("one")];
  expect(all.map((names) => names.get(mugId))).toEqual(["Blue mug", "Blue mug", "Blue mug"]);
  await namesOf("two");
  expect(asked).toEqual(["one", "two"]);
});

test("an outage is everybody's who waited, and the next asks again", async () => {
  const { asked, namesOf } = openOrders(new Outage("orders", "down"));
  const outcomes = await Promise.allSettled([namesOf("one"), namesOf("one")]);
  expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect((await namesOf("one")).get(mugId)).toBe("Blue mug");
  expect(asked).toEqual(["one", "one"]);
});

test("an order that orders does not know has no names, and may be known later", async () => {
  const gone = { service: "orders", reason: "order_not_found", code: "NOT_FOUND", message: "none" } as const;
  const { namesOf } = openOrders(new Refusal(gone));
  expect((await namesOf("one")).size).toBe(0);
  expect((await namesOf("one")).get(mugId)).toBe("Blue mug");
});

test("the oldest orders are forgotten", async () => {
  const { asked, namesOf } = openOrders();
  for (let count = 0; count <= 300; count += 1) await namesOf(String(count));
  await namesOf("300");
  expect(asked).toHaveLength(301);
  await namesOf("0");
  expect(asked).toHaveLength(302);
});
