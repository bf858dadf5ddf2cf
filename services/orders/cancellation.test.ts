import fc from "fast-check";
import { expect, test } from "vitest";
import { feeOf, nextOf, type Standing } from "./cancellation.ts";

const standing = (is: Partial<Standing> = {}): Standing => ({
  capturedMinor: 28_49n,
  refundedMinor: 0n,
  own: undefined,
  othersUnderWay: false,
  disputed: false,
  certain: true,
  ...is,
});

test.each([
  // 5 %, and of two halves the even one.
  [100_00n, 5_00n],
  [28_49n, 1_42n],
  [30n, 2n],
  [10n, 0n],
  [50n, 2n],
  [70n, 4n],
  [11n, 1n],
  [1n, 0n],
  [0n, 0n],
])("of %i taken the fee is %i", (capturedMinor, feeMinor) => {
  expect(feeOf(capturedMinor, capturedMinor)).toBe(feeMinor);
});

/** A payment of which some went back before, and how much of it. */
const paid = fc
  .bigInt(1n, 99_999n)
  .chain((capturedMinor) =>
    fc.bigInt(0n, capturedMinor).map((refundedMinor) => ({ capturedMinor, refundedMinor })),
  );

test("what went back in all and the fee are what was taken, and neither is less than nothing (K1)", () => {
  fc.assert(
    fc.property(paid, (is) => {
      const next = nextOf(standing(is));
      const refundMinor = next.is === "refund" ? next.amountMinor : 0n;
      expect(refundMinor).toBeGreaterThanOrEqual(0n);
      const refundedMinor = is.refundedMinor + refundMinor;
      const own = refundMinor === 0n ? undefined : { amountMinor: refundMinor, settled: true };
      const then = nextOf(standing({ ...is, refundedMinor, own }));
      if (then.is !== "settled") throw new Error(`it is ${then.is}`);
      const { settlement } = then;
      expect(settlement).toMatchObject({ refundMinor, refundedMinor });
      expect(settlement.feeMinor).toBeGreaterThanOrEqual(0n);
      expect(settlement.refundedMinor + settlement.feeMinor).toBe(is.capturedMinor);
      // K2: more than 5 % is never kept.
      expect(settlement.feeMinor * 100n).toBeLessThanOrEqual(is.capturedMinor * 5n + 50n);
    }),
  );
});

test("a refund of our own is never asked for with another amount, nor again once it is made", () => {
  fc.assert(
    fc.property(
      paid,
      fc.bigInt(1n, 99_999n),
      fc.boolean(),
      fc.boolean(),
      (is, amountMinor, disputed, others) => {
        const asked = { ...is, disputed, othersUnderWay: others };
        expect(nextOf(standing({ ...asked, own: { amountMinor, settled: false } }))).toEqual({
          is: "refund",
          amountMinor,
        });
        expect(nextOf(standing({ ...asked, own: { amountMinor, settled: true } }))).toMatchObject({
          is: "settled",
          settlement: { refundMinor: amountMinor },
        });
      },
    ),
  );
});

test("nothing is asked for while it is not certain how much is left (K3)", () => {
  expect(nextOf(standing({ othersUnderWay: true }))).toEqual({ is: "wait" });
  expect(nextOf(standing({ capturedMinor: 0n, certain: false }))).toEqual({ is: "wait" });
});

test("of a disputed payment nothing is given back, unless there is nothing to give", () => {
  expect(nextOf(standing({ disputed: true }))).toEqual({ is: "disputed" });
  expect(nextOf(standing({ disputed: true, refundedMinor: 28_00n }))).toMatchObject({ is: "settled" });
});

test("what was never taken has no fee", () => {
  const settlement = { refundMinor: 0n, feeMinor: 0n, refundedMinor: 0n };
  expect(nextOf(standing({ capturedMinor: 0n }))).toEqual({ is: "settled", settlement });
});
