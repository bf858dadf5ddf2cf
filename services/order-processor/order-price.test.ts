import type { Order } from "@webstore/proto/orders/v1";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { differenceFrom, priceProblem, type ToldPrice } from "./order-price.ts";
import { orderWith, toldOf, usd } from "./testing-orders.ts";

const order = orderWith();
const told = toldOf(order);
const euros = { amountMinor: 5_99n, currency: "EUR" };
const [mug, pot] = order.lines as [Order["lines"][number], Order["lines"][number]];

test("a price that adds up, and is what the event told, is right", () => {
  expect(priceProblem(order)).toBeUndefined();
  expect(differenceFrom(order, told)).toBeUndefined();
});

test("an event of an older store, without amounts, is compared by what it tells", () => {
  expect(differenceFrom(order, { ...told, amounts: undefined })).toBeUndefined();
});

describe("a price is wrong", () => {
  test.each<[string, Partial<Order>, string]>([
    ["without a line", { lines: [] }, "lines"],
    ["without a total", { total: undefined }, "currency"],
    ["in two currencies", { shipping: euros }, "currency"],
    ["with a line in another currency", { lines: [{ ...mug, lineTotal: euros }, pot] }, "currency"],
    [
      "when a line's total is not its price by its quantity",
      { lines: [{ ...mug, quantity: 3 }, pot] },
      "line_total",
    ],
    [
      "when a line has a negative price",
      { lines: [{ ...mug, unitPrice: usd(-1n), lineTotal: usd(-2n) }, pot] },
      "line_total",
    ],
    ["when the subtotal is not the sum of the lines", { lines: [mug] }, "subtotal"],
    ["when the delivery costs less than nothing", { shipping: usd(-1n), total: usd(40_49n) }, "shipping"],
    ["when more is taken off than the goods cost", { discount: usd(45_01n), total: usd(5_98n) }, "discount"],
    ["when the discount adds to the price", { discount: usd(-1n), total: usd(51_00n) }, "discount"],
    ["when the total is not the sum", { total: usd(46_48n) }, "total"],
    ["when there is nothing to pay", { discount: usd(45_00n), shipping: usd(0n), total: usd(0n) }, "total"],
  ])("%s", (_, wrong, problem) => {
    expect(priceProblem({ ...order, ...wrong })).toBe(problem);
  });
});

describe("the event differs from the order", () => {
  const items = told.items as [ToldPrice["items"][number], ToldPrice["items"][number]];
  test.each<[string, Partial<ToldPrice>, string]>([
    ["by its currency", { currency: "EUR" }, "event_currency"],
    ["by its total", { totalAmount: "46.50" }, "event_total"],
    ["by a total that is no amount", { totalAmount: "46.490" }, "event_total"],
    ["by a total with an exponent", { totalAmount: "4649e-2" }, "event_total"],
    ["by an item less", { items: [items[0]] }, "event_items"],
    ["by a product", { items: [{ ...items[0], productId: pot.productId }, items[1]] }, "event_items"],
    ["by a quantity", { items: [{ ...items[0], quantity: 1 }, items[1]] }, "event_items"],
    ["by a unit price", { items: [{ ...items[0], unitPrice: "12.49" }, items[1]] }, "event_items"],
    ["by an item's total", { items: [{ ...items[0], totalPrice: "25.01" }, items[1]] }, "event_items"],
    [
      "by its subtotal",
      { amounts: { subtotal: "45.01", shipping: "5.99", discount: "4.50" } },
      "event_amounts",
    ],
    [
      "by its shipping",
      { amounts: { subtotal: "45.00", shipping: "6.00", discount: "4.50" } },
      "event_amounts",
    ],
    [
      "by its discount",
      { amounts: { subtotal: "45.00", shipping: "5.99", discount: "0.00" } },
      "event_amounts",
    ],
  ])("%s", (_, wrong, problem) => {
    expect(differenceFrom(order, { ...told, ...wrong })).toBe(problem);
  });
});

test("an order of any lines is right when it adds up, and wrong when any one amount is off by any number", () => {
  const amount = fc.bigInt({ min: 1n, max: 100_000n });
  const anyLine = fc.record({ quantity: fc.integer({ min: 1, max: 99 }), unitMinor: amount });
  const shop = fc.record({
    lines: fc.array(anyLine, { minLength: 1, maxLength: 5 }),
    shippingMinor: fc.bigInt({ min: 0n, max: 1_000n }),
    discountPercent: fc.bigInt({ min: 0n, max: 100n }),
    off: fc.bigInt({ min: -500n, max: 500n }).filter((each) => each !== 0n),
    which: fc.constantFrom("subtotal", "shipping", "discount", "total", "lineTotal", "unitPrice"),
  });
  fc.assert(
    fc.property(shop, ({ lines, shippingMinor, discountPercent, off, which }) => {
      const subtotalMinor = lines.reduce((sum, line) => sum + line.unitMinor * BigInt(line.quantity), 0n);
      const discountMinor = (subtotalMinor * discountPercent) / 100n;
      const right = orderWith({
        lines: lines.map(({ quantity, unitMinor }) => ({
          ...mug,
          quantity,
          unitPrice: usd(unitMinor),
          lineTotal: usd(unitMinor * BigInt(quantity)),
        })),
        subtotal: usd(subtotalMinor),
        shipping: usd(shippingMinor + 1n),
        discount: usd(discountMinor),
        total: usd(subtotalMinor + shippingMinor + 1n - discountMinor),
      });
      expect(priceProblem(right)).toBeUndefined();
      const moved = (money: Order["total"]) => usd((money?.amountMinor ?? 0n) + off);
      const [first, ...others] = right.lines as [Order["lines"][number]];
      const wrong =
        which === "lineTotal" || which === "unitPrice"
          ? { lines: [{ ...first, [which]: moved(first[which]) }, ...others] }
          : { [which]: moved(right[which as "total"]) };
      expect(priceProblem({ ...right, ...wrong })).toBeDefined();
    }),
  );
});
