// The contract of orders: for what an order is not placed, and what then stands: nothing.

import { expect, test } from "vitest";
import { orderIdOf } from "../order-id.ts";
import type { Reason } from "../refusals.ts";
import { refusalOf, request, type Shop, userIdOf } from "./shop.ts";

type Case = {
  readonly code: string;
  /** What is asked for besides the usual, once the cart is as it has to be. */
  arrange(
    shop: Shop,
  ): Promise<{ ask?: Partial<ReturnType<typeof request>>; details?: Record<string, string> }>;
};

const precondition = "FAILED_PRECONDITION";
const noChange = {
  name: undefined,
  description: undefined,
  tags: undefined,
  price: undefined,
  active: undefined,
};

/** Refused with nothing begun: when the cause is gone, the same key may order. */
export const refusedBefore: Partial<Record<Reason, Case>> = {
  cart_empty: {
    code: precondition,
    async arrange(shop) {
      await shop.fill("ada");
      return {};
    },
  },
  product_not_found: {
    code: "NOT_FOUND",
    async arrange(shop) {
      const [mug, retired] = [await shop.product(), await shop.product()];
      await shop.fill("ada", [mug, 1], [retired, 1]);
      await shop.subject().catalog.updateProduct({ ...noChange, productId: retired, active: false });
      return { details: { product_id: retired } };
    },
  },
  amount_too_large: {
    code: "OUT_OF_RANGE",
    async arrange(shop) {
      await shop.fill("ada", [await shop.product({ amountMinor: 1_111_11n }), 1]);
      return {};
    },
  },
  currency_mismatch: {
    code: precondition,
    async arrange(shop) {
      const [mug, moved] = [await shop.product(), await shop.product()];
      await shop.fill("ada", [mug, 1], [moved, 1]);
      const price = { amountMinor: 14_50n, currency: "EUR" };
      await shop.subject().catalog.updateProduct({ ...noChange, productId: moved, price });
      return {};
    },
  },
  coupon_invalid: {
    code: precondition,
    async arrange(shop) {
      await shop.fill("ada", [await shop.product(), 1]);
      return { ask: { coupon: "SPRING" } };
    },
  },
};

/** Refused by somebody else when the order was begun: the same key is refused for ever. */
export const refusedUnderWay: Partial<Record<Reason, Case>> = {
  out_of_stock: {
    code: precondition,
    async arrange(shop) {
      const [mug, scarce] = [await shop.product(), await shop.product()];
      await shop.subject().setStock(scarce, 1);
      await shop.fill("ada", [mug, 1], [scarce, 2]);
      return { details: { product_id: scarce } };
    },
  },
  card_declined: {
    code: precondition,
    async arrange(shop) {
      await shop.fill("ada", [await shop.product(), 1]);
      return {
        ask: { paymentMethodToken: "pm_card_visa_chargeDeclinedInsufficientFunds" },
        details: { decline_code: "insufficient_funds" },
      };
    },
  },
  partner_unavailable: {
    code: "UNAVAILABLE",
    async arrange(shop) {
      await shop.fill("ada", [await shop.product(), 1]);
      shop.subject().authorizing.breakDown(3);
      return {};
    },
  },
};

/** What cannot be brought about through the contract, and why; the tests of the parts try it. */
export const notTriedHere: Partial<Record<Reason, string>> = {
  amount_too_small: "goods for nothing still have their shipping to pay; see pricing.test.ts",
  order_cancelled: "see cancelling.ts and paying.ts",
  payment_action_required: "it takes a quarter of an hour; see place-order.test.ts",
  idempotency_key_reused: "see placing.ts",
};

export function refusingTests(shop: Shop): void {
  const all = Object.entries({ ...refusedBefore, ...refusedUnderWay });
  test.each(all)("%s: nothing is ordered, held or taken, and the cart stays", async (reason, is) => {
    const { ask = {}, details = {} } = await is.arrange(shop);
    const [cart, standing] = [await shop.cartOf("ada"), shop.subject().payments.standing()];
    const asked = request(ask);
    const refusal = await refusalOf(shop.place("ada", asked));
    const { service, reason: given, code } = refusal;
    expect({ service, reason: given, code, details: refusal.details }).toEqual({
      service: "orders",
      reason,
      code: is.code,
      details,
    });
    expect(shop.subject().payments.standing()).toEqual(standing);
    expect(await shop.cartOf("ada")).toEqual(cart);
    const orderId = orderIdOf(userIdOf("ada"), asked.idempotencyKey);
    expect(await shop.subject().eventsOf(orderId)).toEqual([]);
  });

  test.each(Object.entries(refusedUnderWay))("%s is the answer to the same key for ever", async (_, is) => {
    const { ask = {} } = await is.arrange(shop);
    const asked = request(ask);
    const first = await refusalOf(shop.place("ada", asked));
    await shop.fill("ada", [await shop.product(), 1]);
    for (const waitMs of [undefined, 0]) {
      const { reason, code, message, details } = await refusalOf(shop.place("ada", { ...asked, waitMs }));
      expect({ reason, code, message, details }).toEqual({
        reason: first.reason,
        code: first.code,
        message: first.message,
        details: first.details,
      });
    }
    await shop.fill("ada");
    expect((await refusalOf(shop.place("ada", asked))).reason).toBe(first.reason);
    const other = { ...asked, paymentMethodToken: "pm_card_mastercard" };
    expect((await refusalOf(shop.place("ada", other))).reason).toBe("idempotency_key_reused");
  });

  test.each(Object.entries(refusedUnderWay))(
    "%s is found at the order by who did not wait for it",
    async (reason, is) => {
      const { ask = {} } = await is.arrange(shop);
      const { idempotencyKey, ...rest } = request(ask);
      await refusalOf(shop.place("ada", { idempotencyKey, ...rest }));
      const order = await shop.one(orderIdOf(userIdOf("ada"), idempotencyKey));
      expect(order).toMatchObject({ status: "ORDER_STATUS_FAILED", paymentId: "" });
      expect(order.failureReason).toBe(reason);
    },
  );

  test("stock that was refused or given back can be bought by the next", async () => {
    const scarce = await shop.product();
    await shop.subject().setStock(scarce, 2);
    await shop.fill("ada", [scarce, 2]);
    const declined = { paymentMethodToken: "pm_card_chargeDeclined" };
    expect((await refusalOf(shop.place("ada", declined))).reason).toBe("card_declined");
    expect((await shop.place("ada")).order.status).toBe("ORDER_STATUS_PAID");
    await shop.fill("test", [scarce, 1]);
    expect((await refusalOf(shop.place("test"))).reason).toBe("out_of_stock");
  });

  test("a refusal before anything is begun binds nobody: the key orders when its cause is gone", async () => {
    await shop.fill("ada");
    const asked = request();
    expect((await refusalOf(shop.place("ada", asked))).reason).toBe("cart_empty");
    await shop.fill("ada", [await shop.product(), 1]);
    expect(await shop.place("ada", asked)).toMatchObject({
      order: { status: "ORDER_STATUS_PAID" },
      replayed: false,
    });
  });

  test("an order just below the limit is placed", async () => {
    await shop.fill("ada", [await shop.product({ amountMinor: 1_111_10n }), 1]);
    expect((await shop.place("ada")).order.total).toEqual({ amountMinor: 999_99n, currency: "USD" });
  });
}
