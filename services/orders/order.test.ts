import fc from "fast-check";
import { expect, test } from "vitest";
import {
  cancellable,
  isSold,
  movedByHand,
  refundedStatus,
  type Status,
  sourcesOf,
  statuses,
  transition,
  unopened,
} from "./order.ts";
import { draftOrder } from "./testing-orders.ts";

/** Where an order may go, read from the specification and not from the code. */
const table: Record<Status, Status[]> = {
  new: ["pending", "processing", "cancelled", "failed"],
  pending: ["paid", "cancelled", "failed"],
  paid: ["processing", "cancelled", "refunded"],
  processing: ["shipped", "cancelled", "refunded"],
  shipped: ["delivered", "refunded"],
  delivered: ["refunded"],
  cancelled: [],
  failed: [],
  refunded: [],
};

const pairs = statuses.flatMap((from) => statuses.map((to) => [from, to] as const));
const anyStatus = fc.constantFrom(...statuses);

test.each(pairs)("from %s to %s is as the table says", (from, to) => {
  const expected = from === to ? "none" : table[from].includes(to) ? "change" : "refused";
  expect(transition(from, to)).toBe(expected);
});

test("there are the nine statuses of the table and no others", () => {
  expect([...statuses].sort()).toEqual(Object.keys(table).sort());
});

test("to where an order is already is always a no-op", () => {
  fc.assert(fc.property(anyStatus, (status) => transition(status, status) === "none"));
});

test("sourcesOf is the table read backwards", () => {
  fc.assert(
    fc.property(anyStatus, anyStatus, (from, to) => {
      expect(sourcesOf(to).includes(from)).toBe(transition(from, to) === "change");
    }),
  );
});

test("cancelled, failed and refunded are ends, and nothing comes back to new", () => {
  for (const end of ["cancelled", "failed", "refunded"] as const) {
    const beyond = statuses.filter((to) => transition(end, to) === "change");
    expect(beyond).toEqual([]);
  }
  expect(sourcesOf("new")).toEqual([]);
});

test("whatever is asked of an order one after the other, it never comes to a status twice", () => {
  fc.assert(
    fc.property(fc.array(anyStatus, { maxLength: 40 }), (asked) => {
      const was: Status[] = ["new"];
      for (const to of asked) {
        const at = was.at(-1) as Status;
        if (transition(at, to) === "change") was.push(to);
      }
      expect(new Set(was).size).toBe(was.length);
    }),
  );
});

test("what can be cancelled by asking is what can become cancelled", () => {
  expect([...cancellable].sort()).toEqual([...sourcesOf("cancelled")].sort());
});

test("nobody is packed and sent who is to be cancelled or has no prices, and to be where one is changes nothing", () => {
  fc.assert(
    fc.property(anyStatus, anyStatus, fc.boolean(), fc.boolean(), (status, to, cancelRequested, priced) => {
      const answer = movedByHand({ status, cancelRequested, priced }, to);
      const expected = transition(status, to);
      expect(answer).toBe(expected === "change" && (cancelRequested || !priced) ? "refused" : expected);
    }),
  );
});

test("an order of which all went back is refunded, unless it is to be cancelled or was never paid", () => {
  fc.assert(
    fc.property(
      anyStatus,
      fc.boolean(),
      fc.bigInt(1n, 100n),
      fc.bigInt(1n, 100n),
      (status, cancelRequested, totalMinor, refundedMinor) => {
        const to = refundedStatus({ status, cancelRequested, totalMinor }, refundedMinor);
        const isRefunded =
          refundedMinor === totalMinor && !cancelRequested && table[status].includes("refunded");
        expect(to).toBe(isRefunded ? "refunded" : status);
      },
    ),
  );
});

test("an order is sold when it was paid once, whatever became of it", () => {
  const at = "2026-01-02T03:04:06.000Z";
  const history = (...all: Status[]) => ({ history: all.map((status) => ({ status, at, reason: "" })) });
  expect(isSold(history("pending", "paid", "processing", "cancelled"))).toBe(true);
  expect(isSold(history("pending", "failed"))).toBe(false);
  expect(isSold(history("new", "processing", "shipped"))).toBe(false);
});

test("an order that is not opened shows what was asked for, and nothing of how it is to be paid", () => {
  const draft = { ...draftOrder(), paymentMethodToken: "pm_card_visa" };
  const order = unopened(draft, "");
  expect(order).toMatchObject({
    orderId: draft.orderId,
    status: "pending",
    totalMinor: draft.totalMinor,
    paymentId: "",
    failureReason: "",
    history: [{ status: "pending", at: draft.placedAt, reason: "" }],
    createdAt: new Date(draft.placedAt),
  });
  expect(Object.values(order)).not.toContain("pm_card_visa");
  expect(unopened(draft, "out_of_stock")).toMatchObject({ status: "failed", failureReason: "out_of_stock" });
});
