import { OrderStatus as OrderStatusValues } from "@webstore/proto/orders/v1";
import { expect, test } from "vitest";
import { statuses, unopened } from "./order.ts";
import { messageOf, statusMessageOf, statusOf } from "./order-message.ts";
import { draftOrder } from "./testing-orders.ts";

test("each status has one of the contract's, and each of the contract's but UNSPECIFIED has a status", () => {
  const named = Object.values(OrderStatusValues).filter((value) => typeof value === "string");
  const ours = statuses.map(statusMessageOf);
  const expected = named.filter((name) => !["ORDER_STATUS_UNSPECIFIED", "UNRECOGNIZED"].includes(name));
  expect([...ours].sort()).toEqual([...expected].sort());
  expect(ours.map(statusOf)).toEqual([...statuses]);
});

test("UNSPECIFIED and what we do not know mean no status", () => {
  expect(statusOf("ORDER_STATUS_UNSPECIFIED")).toBeUndefined();
  expect(statusOf("UNRECOGNIZED")).toBeUndefined();
});

test("an order is shown whole, and all its money in its one currency", () => {
  const draft = draftOrder();
  const paid = {
    ...unopened(draft, ""),
    status: "paid" as const,
    paymentId: "3b3f5b8e-0000-4000-8000-000000000001",
    receiptUrl: "https://receipts.example/1",
    refundedMinor: 1_00n,
    cancelRequested: true,
    feeMinor: 50n,
    channel: "phone",
    campaign: "welcome",
    coupon: "SPRING",
    history: [
      { status: "pending" as const, at: "2026-01-02T03:04:05.000Z", reason: "" },
      { status: "paid" as const, at: "2026-01-02T03:04:06.789Z", reason: "because" },
    ],
    createdAt: new Date("2026-01-02T03:04:05.000Z"),
    updatedAt: new Date("2026-01-02T03:04:07.000Z"),
  };
  const usd = (amountMinor: bigint) => ({ amountMinor, currency: "USD" });
  expect(messageOf(paid)).toEqual({
    orderId: draft.orderId,
    customerId: draft.customerId,
    status: "ORDER_STATUS_PAID",
    lines: [
      {
        productId: draft.lines[0]?.productId,
        name: "Mug",
        quantity: 2,
        unitPrice: usd(12_50n),
        lineTotal: usd(25_00n),
      },
    ],
    subtotal: usd(25_00n),
    shipping: usd(5_99n),
    discount: usd(2_50n),
    total: usd(28_49n),
    shippingAddress: draft.shippingAddress,
    paymentId: paid.paymentId,
    receiptUrl: paid.receiptUrl,
    failureReason: "",
    history: [
      { status: "ORDER_STATUS_PENDING", at: new Date("2026-01-02T03:04:05.000Z"), reason: "" },
      { status: "ORDER_STATUS_PAID", at: new Date("2026-01-02T03:04:06.789Z"), reason: "because" },
    ],
    createTime: paid.createdAt,
    country: "US",
    coupon: "SPRING",
    campaign: "welcome",
    refunded: usd(1_00n),
    updateTime: paid.updatedAt,
    cancelRequested: true,
    fee: usd(50n),
    channel: "phone",
    priced: true,
  });
});
