import { uuidOf } from "@webstore/kit";
import fc from "fast-check";
import { expect, test } from "vitest";
import { orderIdOf } from "./order-id.ts";

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test("any words make a UUID of version 8, and the same words the same one", () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (words) => {
      expect(uuidOf(...words)).toMatch(uuid);
      expect(uuidOf(...words)).toBe(uuidOf(...words));
    }),
  );
});

test("other words make another one, however they are put together", () => {
  fc.assert(
    fc.property(fc.array(fc.string()), fc.array(fc.string()), (a, b) => {
      const same = a.length === b.length && a.every((word, index) => word === b[index]);
      expect(uuidOf(...a) === uuidOf(...b)).toBe(same);
    }),
  );
  expect(uuidOf("ab", "c")).not.toBe(uuidOf("a", "bc"));
  expect(uuidOf("a", "")).not.toBe(uuidOf("a"));
  expect(uuidOf('a","b')).not.toBe(uuidOf("a", "b"));
});

test("an order's id is the customer's and the key's, and stays what it is from release to release", () => {
  const customers = ["00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"] as const;
  const key = "7d3c2f61-5b0e-4a53-9d0b-3f2f7c1f0a11";
  const ids = customers.map((customerId) => orderIdOf(customerId, key));
  expect(ids).toEqual(["7bf19e38-2e40-8461-a086-cef60d9e23f1", "79a43474-5fa9-879c-a76a-abb84cbe4652"]);
  expect(orderIdOf(key, customers[0])).not.toBe(ids[0]);
});
