// What the cart promises to whoever calls it; the fake and the service are both held to it.

import { randomUUID } from "node:crypto";
import { demoUsers, type HandlersOf } from "@webstore/kit";
import type { CartServiceDefinition } from "@webstore/proto/cart/v1";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { linesMax, quantityMax, recentAddsMax } from "./cart.ts";

export type CartClient = HandlersOf<typeof CartServiceDefinition>;

/** Who asks, and under which idempotency key. */
export type Caller = { readonly who: "ada" | "grace" | "service"; readonly key?: string };

export type Subject = { as(caller: Caller): CartClient; stop(): Promise<void> };

export const productId = (number: number): string =>
  `10000000-0000-4000-8000-${String(number).padStart(12, "0")}`;

/** What the catalog has in these tests: 1 to 110 in US dollars, and these. */
export const inEuros = productId(201);
export const inactive = productId(202);
export const unknown = productId(203);
const [mug, lamp, chair] = [productId(1), productId(2), productId(3)];

export function cartContract(name: string, start: () => Promise<Subject>): void {
  describe(name, () => {
    let subject: Subject;
    let client: CartClient;
    let customerId: string;
    beforeAll(async () => {
      subject = await start();
      client = subject.as({ who: "service" });
    });
    afterAll(() => subject?.stop());
    beforeEach(() => {
      customerId = randomUUID();
    });

    const add = (product: string, quantity: number, key?: string) =>
      subject
        .as(key === undefined ? { who: "service" } : { who: "service", key })
        .addItem({ customerId, productId: product, quantity });
    const clear = (orderId: string, ...lines: (readonly [string, number])[]) =>
      client.clearOrderedLines({
        customerId,
        orderId,
        lines: lines.map(([product, quantity]) => ({ productId: product, quantity })),
      });
    const update = (product: string, quantity: number) =>
      client.updateItem({ customerId, productId: product, quantity });
    const remove = (product: string) => client.removeItem({ customerId, productId: product });
    const get = async () => {
      const { cart } = await client.getCart({ customerId });
      if (cart === undefined) throw new Error("an answer without a cart");
      return cart;
    };
    const lines = async () => (await get()).lines.map((line) => [line.productId, line.quantity]);

    test("who has put nothing in it has an empty cart", async () => {
      expect(await get()).toEqual({ customerId, lines: [], currency: "", updateTime: undefined });
    });

    test("what is added stands in the order in which it was first added, a product once", async () => {
      await add(lamp, 2);
      await add(mug, 1);
      const { cart } = await add(lamp, 3);
      const expected = {
        customerId,
        lines: [
          { productId: lamp, quantity: 5 },
          { productId: mug, quantity: 1 },
        ],
        currency: "USD",
        updateTime: expect.any(Date),
      };
      expect(cart).toEqual(expected);
      expect(await get()).toEqual(cart);
    });

    test.each([
      ["unknown", unknown],
      ["not active", inactive],
    ])("a product that is %s is refused and changes nothing", async (_, product) => {
      await expect(add(product, 1)).rejects.toMatchObject({ service: "cart", reason: "product_not_found" });
      expect(await get()).toMatchObject({ lines: [], currency: "", updateTime: undefined });
    });

    test("a line has 99 at most, in sum", async () => {
      await add(mug, quantityMax - 1);
      await expect(add(mug, 2)).rejects.toMatchObject({ reason: "quantity_too_large" });
      expect(await lines()).toEqual([[mug, quantityMax - 1]]);
      await add(mug, 1);
      expect(await lines()).toEqual([[mug, quantityMax]]);
    });

    test("a cart has 100 lines at most, and those that it has can still grow", async () => {
      for (let number = 1; number <= linesMax; number += 1) await add(productId(number), 1);
      await expect(add(productId(linesMax + 1), 1)).rejects.toMatchObject({ reason: "cart_full" });
      await add(productId(linesMax), 1);
      expect((await lines()).at(-1)).toEqual([productId(linesMax), 2]);
      expect(await lines()).toHaveLength(linesMax);
      await remove(mug);
      await add(productId(linesMax + 1), 1);
    });

    test("a cart has one currency, until it is empty again", async () => {
      await add(mug, 1);
      await expect(add(inEuros, 1)).rejects.toMatchObject({ reason: "currency_mismatch" });
      expect(await get()).toMatchObject({ lines: [{ productId: mug, quantity: 1 }], currency: "USD" });
      await remove(mug);
      expect(await get()).toMatchObject({ lines: [], currency: "" });
      expect((await add(inEuros, 1)).cart?.currency).toBe("EUR");
    });

    test("a repeated add with the same key adds once and answers the cart", async () => {
      const first = await add(mug, 2, "key-1");
      await add(lamp, 1, "key-2");
      const again = await add(mug, 2, "key-1");
      expect(first.cart?.lines).toEqual([{ productId: mug, quantity: 2 }]);
      expect(again.cart).toEqual(await get());
      expect(await lines()).toEqual([
        [mug, 2],
        [lamp, 1],
      ]);
    });

    test("one key for two products adds both", async () => {
      await add(mug, 1, "one request");
      await add(lamp, 1, "one request");
      expect(await lines()).toHaveLength(2);
    });

    test("without a key two adds add twice", async () => {
      await add(mug, 1);
      await add(mug, 1);
      expect(await lines()).toEqual([[mug, 2]]);
    });

    test("the last keys are remembered, and no more", async () => {
      for (let count = 0; count <= recentAddsMax; count += 1) await add(mug, 1, `key-${count}`);
      await add(mug, 1, "key-1");
      expect(await lines()).toEqual([[mug, recentAddsMax + 1]]);
      await add(mug, 1, "key-0");
      expect(await lines()).toEqual([[mug, recentAddsMax + 2]]);
    });

    test("of fifty adds at once none is lost, nor any of a cart that is just made", async () => {
      await Promise.all(Array.from({ length: 50 }, (_, index) => add(productId((index % 5) + 1), 1)));
      const found = await lines();
      expect(new Map(found as [string, number][])).toEqual(
        new Map([1, 2, 3, 4, 5].map((number) => [productId(number), 10])),
      );
    });

    test("of twenty adds with one key at once, one adds", async () => {
      await Promise.all(Array.from({ length: 20 }, () => add(mug, 3, "the same")));
      expect(await lines()).toEqual([[mug, 3]]);
    });

    test("a line is set to a quantity, and taken out by 0", async () => {
      await add(mug, 2);
      await add(lamp, 2);
      await update(mug, 7);
      expect(await lines()).toEqual([
        [mug, 7],
        [lamp, 2],
      ]);
      const { cart } = await update(mug, 0);
      expect(cart?.lines).toEqual([{ productId: lamp, quantity: 2 }]);
    });

    test("a line that is not there cannot be set, but taken out again and again", async () => {
      await expect(update(mug, 1)).rejects.toMatchObject({ reason: "line_not_found" });
      await update(mug, 0);
      await remove(mug);
      await add(lamp, 1);
      await expect(update(mug, 1)).rejects.toMatchObject({ reason: "line_not_found" });
      const { cart } = await remove(mug);
      expect(cart?.lines).toEqual([{ productId: lamp, quantity: 1 }]);
    });

    test("clearing takes exactly what was ordered; what was added since stays", async () => {
      await add(mug, 2);
      await add(lamp, 1);
      await add(mug, 3);
      await add(chair, 1);
      const { cart } = await clear(randomUUID(), [mug, 2], [lamp, 1]);
      expect(cart?.lines).toEqual([
        { productId: mug, quantity: 3 },
        { productId: chair, quantity: 1 },
      ]);
      expect(cart).toEqual(await get());
    });

    test("an order is cleared once, however often that is asked, and at once", async () => {
      await add(mug, 10);
      const orderId = randomUUID();
      await Promise.all(Array.from({ length: 10 }, () => clear(orderId, [mug, 2])));
      expect(await lines()).toEqual([[mug, 8]]);
      await clear(randomUUID(), [mug, 2]);
      expect(await lines()).toEqual([[mug, 6]]);
    });

    test("clearing never goes below nothing, and leaves other products alone", async () => {
      await add(mug, 1);
      await add(lamp, 1);
      await clear(randomUUID(), [mug, 5], [mug, 5], [chair, 1]);
      expect(await lines()).toEqual([[lamp, 1]]);
      await clear(randomUUID(), [lamp, 99]);
      expect(await get()).toMatchObject({ lines: [], currency: "", updateTime: expect.any(Date) });
    });

    test("an order that is cleared before there is a cart is not cleared again from what comes later", async () => {
      const orderId = randomUUID();
      await clear(orderId, [mug, 1]);
      expect(await get()).toMatchObject({ lines: [], updateTime: undefined });
      await add(mug, 1);
      await clear(orderId, [mug, 1]);
      expect(await lines()).toEqual([[mug, 1]]);
    });

    test("adds and the clearing of orders beside each other lose nothing", async () => {
      await add(mug, 40);
      await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          index % 2 === 0 ? add(mug, 1) : clear(randomUUID(), [mug, 2]),
        ),
      );
      expect(await lines()).toEqual([[mug, 40 + 10 - 20]]);
    });

    test("a shopper has their own cart, named or not", async () => {
      const ada = subject.as({ who: "ada" });
      const { cart } = await ada.addItem({ customerId: "", productId: mug, quantity: 1 });
      expect(cart?.customerId).toBe(demoUsers.ada.userId);
      expect((await ada.getCart({ customerId: demoUsers.ada.userId })).cart).toEqual(cart);
      expect((await client.getCart({ customerId: demoUsers.ada.userId })).cart).toEqual(cart);
    });

    test.each(["ada", "grace"] as const)(
      "%s finds the cart of anybody else empty, and cannot change it",
      async (who) => {
        await add(mug, 2);
        const other = subject.as({ who });
        const line = { customerId, productId: mug };
        const empty = { customerId, lines: [], currency: "", updateTime: undefined };
        expect((await other.getCart({ customerId })).cart).toEqual(empty);
        expect((await other.removeItem(line)).cart).toEqual(empty);
        expect((await other.updateItem({ ...line, quantity: 0 })).cart).toEqual(empty);
        const set = other.updateItem({ ...line, quantity: 1 });
        await expect(set).rejects.toMatchObject({ reason: "line_not_found" });
        const added = other.addItem({ ...line, quantity: 1 });
        await expect(added).rejects.toMatchObject({ reason: "permission_denied" });
        expect(await lines()).toEqual([[mug, 2]]);
      },
    );

    test("a service has to say whose cart it means", async () => {
      const nobodys = client.getCart({ customerId: "" });
      await expect(nobodys).rejects.toMatchObject({ reason: "invalid_request" });
    });
  });
}
