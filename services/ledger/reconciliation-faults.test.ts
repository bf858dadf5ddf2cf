// Each fault that the four sides of an order can have gives a difference of its own, and no other.

import { describe, expect, test } from "vitest";
import { differencesOf } from "./reconciliation.ts";
import { entriesOf, openWorld, type Sale, viewsOf, type World, worldNowMs } from "./testing-world.ts";

const found = (world: World, entries = entriesOf(world.events)) =>
  viewsOf(world, entries).flatMap((views) => differencesOf(views, worldNowMs));

describe("each fault is found, and nothing else", () => {
  const usd = (amountMinor: bigint) => ({ amountMinor, currency: "USD" });
  const total = 41_99n;

  type Fault = {
    readonly name: string;
    readonly make: (world: World, sale: Sale) => void;
    readonly kind: string;
    readonly is?: object;
  };
  const lose = (world: World, name: string, { order }: Sale) => {
    const at = world.events.findLastIndex(
      ({ event }) => event.name === name && (event.data as { orderId: string }).orderId === order.orderId,
    );
    expect(at).toBeGreaterThanOrEqual(0);
    world.events.splice(at, 1);
  };

  const faults: Fault[] = [
    {
      name: "money at the provider that names no order",
      make: (world, { provider }) =>
        world.provider.push({ ...provider, providerReference: "pi_stray", orderId: "", paymentId: "" }),
      kind: "unknown_to_store",
      is: { providerReference: "pi_stray", orderId: "", provider: usd(total), payments: undefined },
    },
    {
      name: "a second payment at the provider for the same order",
      make: (world, { provider }) => world.provider.push({ ...provider, providerReference: "pi_second" }),
      kind: "unknown_to_store",
      is: { providerReference: "pi_second", provider: usd(total) },
    },
    {
      name: "a hold at the provider that the store does not know",
      make: (world, { provider }) =>
        world.provider.push({
          ...provider,
          providerReference: "pi_held",
          status: "requires_capture",
          capturedMinor: 0n,
        }),
      kind: "unknown_to_store",
      is: { providerReference: "pi_held", provider: usd(total) },
    },
    {
      name: "a refund at the provider only",
      make: (_, { provider }) => {
        provider.refundedMinor = 5_00n;
      },
      kind: "amount",
      is: { provider: usd(5_00n), payments: usd(0n), orders: usd(0n), ledger: usd(0n) },
    },
    {
      name: "a capture at the provider that payments call less",
      make: (_, { provider }) => {
        provider.capturedMinor = 50_00n;
      },
      kind: "amount",
      is: { provider: usd(50_00n), payments: usd(total), orders: usd(total), ledger: usd(total) },
    },
    {
      name: "a payment that the provider does not have",
      make: (world) => world.provider.pop(),
      kind: "missing_at_provider",
      is: { payments: usd(total) },
    },
    {
      name: "a lost PaymentDone",
      make: (world, sale) => lose(world, "PaymentDone", sale),
      kind: "missing_in_ledger",
    },
    {
      name: "a lost OrderCreated",
      make: (world, sale) => lose(world, "OrderCreated", sale),
      kind: "missing_in_ledger",
      is: { orders: usd(total), ledger: undefined },
    },
    {
      name: "a lost PaymentRefunded",
      make: (world, sale) => {
        world.refund(sale, 3_00n);
        lose(world, "PaymentRefunded", sale);
      },
      kind: "missing_in_ledger",
      is: { payments: usd(3_00n) },
    },
    {
      name: "a lost OrderRefunded",
      make: (world, sale) => {
        world.refund(sale, 3_00n);
        lose(world, "OrderRefunded", sale);
      },
      kind: "missing_in_ledger",
      is: { orders: usd(3_00n) },
    },
    {
      name: "the second of two refunds lost",
      make: (world, sale) => {
        world.refund(sale, 3_00n);
        world.refund(sale, 4_00n);
        lose(world, "PaymentRefunded", sale);
      },
      kind: "amount",
      is: { ledger: usd(3_00n), payments: usd(7_00n), provider: usd(7_00n), orders: usd(7_00n) },
    },
    {
      name: "a lost OrderCancelled",
      make: (world, sale) => {
        world.cancel(sale);
        lose(world, "OrderCancelled", sale);
      },
      kind: "missing_in_ledger",
      is: { orders: usd(2_09n) },
    },
    {
      name: "a refund that the order never heard of",
      make: (world, sale) => {
        world.refund(sale, 3_00n);
        sale.order.refunded = usd(0n);
        lose(world, "OrderRefunded", sale);
      },
      kind: "amount",
      is: { payments: usd(3_00n), provider: usd(3_00n), orders: usd(0n) },
    },
    {
      name: "a payment whose row is gone, and whose provider never had it",
      make: (world, { order }) => {
        world.payments.pop();
        world.provider.pop();
        world.orders.splice(world.orders.indexOf(order), 1);
        lose(world, "OrderCreated", { order } as Sale);
      },
      kind: "missing_in_payments",
      is: { ledger: usd(total) },
    },
    {
      name: "the sale of an order that nobody knows",
      make: (world, sale) => {
        lose(world, "PaymentDone", sale);
        world.payments.pop();
        world.provider.pop();
        world.orders.pop();
      },
      kind: "missing_in_orders",
      is: { ledger: usd(total) },
    },
    {
      name: "an order that orders do not know",
      make: (world) => world.orders.pop(),
      kind: "missing_in_orders",
      is: { payments: usd(total) },
    },
    {
      name: "an order that was marked paid by hand",
      make: (world) => {
        world.fail().status = "ORDER_STATUS_PAID";
      },
      kind: "unpaid_order",
      is: { orders: usd(total) },
    },
    {
      name: "an order that is shipped, and whose money is only held",
      make: (world) => {
        const { order } = world.hold();
        order.status = "ORDER_STATUS_SHIPPED";
      },
      kind: "unpaid_order",
    },
    {
      name: "an amount that was altered in payments",
      make: (_, { payment }) => {
        payment.capturedMinor = 1_99n;
      },
      kind: "amount",
      is: { payments: usd(1_99n), provider: usd(total), orders: usd(total), ledger: usd(total) },
    },
    {
      name: "a total that was altered in orders",
      make: (_, { order }) => {
        order.total = usd(99_99n);
      },
      kind: "amount",
      is: { orders: usd(99_99n), payments: usd(total) },
    },
    {
      name: "a discount that was altered in orders",
      make: (_, { order }) => {
        order.discount = usd(9_00n);
      },
      kind: "amount",
      is: { orders: usd(9_00n), ledger: usd(4_00n) },
    },
    {
      name: "a currency that was altered in payments",
      make: (_, { payment }) => {
        payment.amount = { amountMinor: total, currency: "EUR" };
      },
      kind: "amount",
    },
    {
      name: "a fee that was altered in orders",
      make: (world, sale) => {
        world.cancel(sale);
        sale.order.fee = usd(9_09n);
      },
      kind: "amount",
      is: { orders: usd(9_09n), ledger: usd(2_09n), payments: usd(2_09n) },
    },
    {
      name: "a cancelled order that gave too much back",
      make: (world, sale) => {
        world.refund(sale, total);
        sale.order.status = "ORDER_STATUS_PAID";
        sale.payment.refundedMinor -= 2_09n;
        world.cancel(sale);
        sale.payment.refundedMinor += 2_09n;
      },
      kind: "amount",
    },
    {
      name: "a failed order that keeps its money",
      make: (world) => {
        const { order, payment, provider } = world.undo();
        payment.refundedMinor = 0n;
        payment.status = "PAYMENT_STATUS_CAPTURED";
        provider.refundedMinor = 0n;
        lose(world, "PaymentRefunded", { order } as Sale);
      },
      kind: "amount",
      is: { payments: usd(total), orders: usd(0n) },
    },
    {
      name: "a failed order whose money is still held",
      make: (world) => {
        world.hold().order.status = "ORDER_STATUS_FAILED";
      },
      kind: "status",
    },
    {
      name: "a voided payment that the provider still holds",
      make: (world) => {
        world.release().provider.status = "requires_capture";
      },
      kind: "status",
    },
    {
      name: "a hold that the provider let go",
      make: (world) => {
        world.hold().provider.status = "canceled";
      },
      kind: "status",
    },
    {
      name: "a payment that has been unknown for long",
      make: (world) => {
        const { order, payment } = world.hold();
        order.createTime = new Date(worldNowMs);
        payment.status = "PAYMENT_STATUS_UNKNOWN";
      },
      kind: "status",
    },
    {
      name: "a payment that nobody asks about any more",
      make: (_, { payment }) => {
        payment.resolutionGivenUp = true;
      },
      kind: "status",
    },
    {
      name: "an order that gave everything back and is not called so",
      make: (world, sale) => {
        world.refund(sale, total);
        sale.order.status = "ORDER_STATUS_PROCESSING";
      },
      kind: "status",
    },
  ];

  test.each(faults)("$name", ({ make, kind, is }) => {
    const world = openWorld();
    const bystander = world.sell();
    world.refund(bystander, 1_00n);
    const sale = world.sell();
    make(world, sale);
    expect(found(world)).toMatchObject([{ kind, ...is }]);
  });

  test("entries that balance and that no event explains", () => {
    const world = openWorld();
    const { order } = world.sell();
    const [entry] = entriesOf(world.events);
    const { orderId } = order;
    const byHand = { ...entry, orderId, transactionId: world.newId(), event: "by_hand" } as typeof entry;
    const entries = [
      ...entriesOf(world.events),
      { ...byHand, account: "customer_receivable", amountMinor: 5_00n },
      { ...byHand, account: "revenue", amountMinor: -5_00n },
    ] as ReturnType<typeof entriesOf>;
    expect(found(world, entries)).toMatchObject([{ kind: "amount", orderId, ledger: usd(5_00n) }]);
  });

  test("entries that do not balance", () => {
    const world = openWorld();
    const { order } = world.sell();
    const entries = entriesOf(world.events).filter(({ account }) => account !== "discount");
    expect(found(world, entries)[0]).toMatchObject({
      kind: "imbalance",
      orderId: order.orderId,
      ledger: usd(-4_00n),
    });
  });

  test("entries in another currency", () => {
    const world = openWorld();
    const sale = world.sell();
    const [one, two] = entriesOf(world.events).filter(({ event }) => event === "payment_captured");
    const euros = [one, two].map((each) => ({ ...each, currency: "EUR", transactionId: world.newId() }));
    const entries = [...entriesOf(world.events), ...euros] as ReturnType<typeof entriesOf>;
    expect(found(world, entries).filter(({ kind }) => kind === "amount")).toMatchObject([
      { orderId: sale.order.orderId },
    ]);
  });
});
