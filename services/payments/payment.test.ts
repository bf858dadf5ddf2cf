// The rules of payments and refunds, on whatever the provider may say and in whatever order.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Dispute } from "./dispute.ts";
import {
  enter,
  followers,
  isOver,
  isTaken,
  isUnlocated,
  type Payment,
  type PaymentStatus,
  type ProviderCall,
  providerKey,
  settledBy,
  unansweredBy,
  withNextAttempt,
  withVoidWanted,
} from "./payment.ts";
import { eventsOf } from "./payment-event.ts";
import type { Intent, IntentState } from "./provider.ts";
import {
  type ProviderRefund,
  type RefundRefusal,
  refundableMinor,
  withRefundAsked,
  withRefundRefused,
  withRefundSettled,
} from "./refund.ts";
import { isUnresolved, withResolution } from "./resolution.ts";
import { settledByReturns } from "./settle-refund.ts";
import { newsOf } from "./status-notification.ts";
import { keptPayment } from "./testing.ts";

const statuses = Object.keys(followers) as PaymentStatus[];
const calls: readonly ProviderCall[] = ["authorize", "capture", "void"];
const states: readonly IntentState[] = ["requires_action", "held", "taken", "released", "declined"];

const intent = (state: IntentState): Intent => ({
  reference: "pi_1",
  state,
  takenMinor: state === "taken" ? 19_99n : 0n,
  receiptUrl: "https://provider.invalid/r",
  cardBrand: "visa",
  declineCode: state === "declined" ? "lost_card" : "",
  clientSecret: "",
});

const refundRefusals: readonly RefundRefusal[] = ["told", "passing", "final"];

type Step = (payment: Payment) => Payment;

/** The provider's refunds, and what each was told to be when it was asked for. */
const made = [
  { reference: "re_1", refundId: "a", attempt: 1 },
  { reference: "re_2", refundId: "a", attempt: 2 },
  { reference: "re_3", refundId: "b", attempt: 1 },
  { reference: "re_4", refundId: "c", attempt: 3 },
  { reference: "re_5", refundId: "", attempt: 0 },
];

/** What the provider may say of money that went back, whoever made it do so. */
const returns = fc.record({
  refunds: fc.uniqueArray(
    fc
      .record({
        from: fc.constantFrom(...made),
        amountMinor: fc.bigInt({ min: 1n, max: 19_99n }),
        state: fc.constantFrom("pending", "succeeded", "failed"),
      })
      .map(({ from, amountMinor, state }): ProviderRefund => ({ ...from, amountMinor, state })),
    { selector: ({ reference }) => reference, maxLength: 4 },
  ),
  disputes: fc.uniqueArray(
    fc.record<Dispute>({
      reference: fc.constantFrom("dp_1", "dp_2"),
      amountMinor: fc.bigInt({ min: 1n, max: 19_99n }),
      state: fc.constantFrom("open", "won", "lost"),
    }),
    { selector: ({ reference }) => reference, maxLength: 2 },
  ),
});

/** Everything that a use case may do to a payment; what the rules forbid throws, and then nothing has changed. */
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.constantFrom(...states).map(
    (state): Step =>
      (payment) =>
        settledBy(payment, intent(state), 1),
  ),
  fc.constantFrom(...calls).map(
    (call): Step =>
      (payment) =>
        unansweredBy(payment, call, 2),
  ),
  fc.tuple(fc.constantFrom(...calls), fc.integer({ min: 1, max: 3 })).map(
    ([call, attempt]): Step =>
      (payment) =>
        withNextAttempt(payment, { call, attempt }, 3),
  ),
  fc.constant<Step>((payment) => withVoidWanted(payment, 4)),
  fc.constant<Step>((payment) =>
    isUnlocated(payment)
      ? { ...payment, asked: payment.status === "created" ? undefined : "authorize" }
      : payment,
  ),
  fc.tuple(fc.constantFrom("a", "b", "c"), fc.bigInt({ min: 1n, max: 19_99n })).map(
    ([refundId, amountMinor]): Step =>
      (payment) => {
        const isKnown = payment.refunds.some(
          (each) => each.refundId === refundId && each.status !== "refused" && each.status !== "failed",
        );
        return isKnown ? payment : withRefundAsked(payment, { refundId, amountMinor, reason: "" }, 5);
      },
  ),
  fc.constantFrom("a", "b", "c").map(
    (refundId): Step =>
      (payment) =>
        withRefundSettled(payment, refundId, "re_1", 6),
  ),
  fc.tuple(fc.constantFrom("a", "b", "c"), fc.constantFrom(...refundRefusals)).map(
    ([refundId, refusal]): Step =>
      (payment) =>
        withRefundRefused(payment, refundId, refusal, 7),
  ),
  fc.constant<Step>((payment) => enter(payment, "disputed", 8)),
  returns.map(
    (said): Step =>
      (payment) =>
        settledByReturns(payment, said, 9),
  ),
);

/** The payment after each step that was allowed, the first one included. */
function path(steps: readonly Step[]): Payment[] {
  const passed = [keptPayment()];
  for (const each of steps) {
    const last = passed.at(-1) as Payment;
    try {
      // As changePayment does.
      const after = each(last);
      if (after !== last) passed.push({ ...withResolution(last, after, 1), version: last.version + 1 });
    } catch {
      // Refused by the rules: the payment stays as it is.
    }
  }
  return passed;
}

const paths = fc.array(step, { maxLength: 40 }).map(path);

test("whatever happens, a payment goes only where the table lets it, and its history says so", () => {
  fc.assert(
    fc.property(paths, (passed) => {
      for (const [index, after] of passed.entries()) {
        const before = passed[index - 1] ?? after;
        if (after.status !== before.status) expect(followers[before.status]).toContain(after.status);
        expect(after.history.at(-1)?.status).toBe(after.status);
      }
    }),
  );
});

test("whatever happens, refunded never exceeds captured, and captured never the amount", () => {
  fc.assert(
    fc.property(paths, (passed) => {
      for (const payment of passed) {
        const { refundedMinor, capturedMinor, amountMinor } = payment;
        expect(0n <= refundedMinor && refundedMinor <= capturedMinor && capturedMinor <= amountMinor).toBe(
          true,
        );
        expect(refundableMinor(payment) >= 0n).toBe(true);
      }
    }),
  );
});

test("whatever happens, what is told adds up to what was taken and given back", () => {
  fc.assert(
    fc.property(paths, (passed) => {
      const told = passed.flatMap((after, index) => eventsOf(passed[index - 1] ?? after, after));
      const sum = (name: string) =>
        told.filter((event) => event.name === name).reduce((all, { data }) => all + minorOf(data.amount), 0n);
      const last = passed.at(-1) as Payment;
      expect(sum("PaymentDone")).toBe(last.capturedMinor);
      expect(sum("PaymentRefunded")).toBe(last.refundedMinor);
    }),
  );
});

test("whatever happens, what is asked is remembered only while it is not known, and no key is used twice", () => {
  fc.assert(
    fc.property(paths, (passed) => {
      for (const [index, payment] of passed.entries()) {
        const { status, asked } = payment;
        if (asked !== undefined) expect(["created", "unknown"]).toContain(status);
        if (status === "unknown") expect(asked).toBeDefined();
        const before = passed[index - 1] ?? payment;
        for (const call of calls) expect(payment.attempts[call] >= before.attempts[call]).toBe(true);
      }
    }),
  );
});

test("whatever happens, what went back never becomes less", () => {
  fc.assert(
    fc.property(paths, (passed) => {
      for (const [index, after] of passed.entries()) {
        const before = passed[index - 1] ?? after;
        expect(after.refundedMinor >= before.refundedMinor).toBe(true);
      }
    }),
  );
});

test("whatever happens, a payment is asked about exactly while something of it is not known", () => {
  fc.assert(
    fc.property(paths, (passed) => {
      for (const payment of passed) {
        expect(payment.resolution !== undefined).toBe(isUnresolved(payment));
        if (payment.status === "unknown") expect(payment.resolution).toBeDefined();
      }
    }),
  );
});

test("whatever happens, orders is told of all that went back, in the order of the changes, each under its own key", () => {
  fc.assert(
    fc.property(paths, fc.boolean(), (passed, isAnswer) => {
      const news = passed.flatMap((after, index) => {
        const before = passed[index - 1];
        return before === undefined ? [] : [newsOf(before, after, isAnswer) ?? []].flat();
      });
      const last = passed.at(-1) as Payment;
      expect(news.at(-1)?.refundedMinor ?? 0n).toBe(last.refundedMinor);
      const sums = news.map(({ refundedMinor }) => refundedMinor);
      expect(sums).toEqual(sums.toSorted((a, b) => Number(a - b)));
      expect(new Set(news.map(({ notificationId }) => notificationId)).size).toBe(news.length);
    }),
  );
});

test("what the provider says twice of returns changes nothing the second time", () => {
  fc.assert(
    fc.property(paths, returns, (passed, said) => {
      let once: Payment;
      try {
        once = settledByReturns(passed.at(-1) as Payment, said, 9);
      } catch {
        return;
      }
      expect(settledByReturns(once, said, 10)).toBe(once);
    }),
  );
});

test("what the provider says twice changes nothing the second time", () => {
  fc.assert(
    fc.property(paths, fc.constantFrom(...states), (passed, state) => {
      const last = passed.at(-1) as Payment;
      let once: Payment;
      try {
        once = settledBy(last, intent(state), 9);
      } catch {
        return;
      }
      expect(settledBy(once, intent(state), 10)).toBe(once);
    }),
  );
});

test("every status can be left or is an end, and every status but the first can be reached", () => {
  const reached = new Set(statuses.flatMap((status) => followers[status]));
  expect(statuses.filter((status) => !reached.has(status))).toEqual([]);
  const ends = statuses.filter((status) => followers[status].length === 0);
  expect(ends).toEqual(["refunded", "voided", "failed"]);
  for (const status of ends) expect(isOver({ ...keptPayment(), status })).toBe(true);
});

describe("what the provider says", () => {
  test("a late `held` does not take back what was captured or voided since", () => {
    const held = settledBy(keptPayment(), intent("held"), 1);
    const captured = settledBy(held, intent("taken"), 2);
    expect(isTaken(captured)).toBe(true);
    expect(settledBy(captured, intent("held"), 3)).toBe(captured);
    const voided = settledBy(held, intent("released"), 2);
    expect(settledBy(voided, intent("held"), 3)).toBe(voided);
  });

  test("money that was taken after it was let go is a contradiction, not news", () => {
    const voided = settledBy(settledBy(keptPayment(), intent("held"), 1), intent("released"), 2);
    expect(() => settledBy(voided, intent("taken"), 3)).toThrow("voided cannot become captured");
  });

  test("a key changes with a definite refusal of its own attempt, and with nothing else", () => {
    const payment = keptPayment();
    const key = providerKey(payment, "authorize");
    const unknown = unansweredBy(payment, "authorize", 1);
    expect(providerKey(unknown, "authorize")).toBe(key);
    const next = withNextAttempt(unknown, { call: "authorize", attempt: 1 }, 2);
    expect(providerKey(next, "authorize")).not.toBe(key);
    expect(withNextAttempt(next, { call: "authorize", attempt: 1 }, 3)).toBe(next);
  });

  test("a history that flaps for ever stays short", () => {
    let payment = keptPayment();
    for (let attempt = 1; attempt < 500; attempt += 1) {
      payment = unansweredBy(payment, "authorize", attempt);
      payment = withNextAttempt(payment, { call: "authorize", attempt }, attempt);
    }
    expect(payment.history).toHaveLength(200);
  });
});

describe("what goes back", () => {
  const captured = () => settledBy(keptPayment(), intent("taken"), 1);
  const later = (payment: Payment): Payment => ({ ...payment, version: payment.version + 1 });
  const succeeded = (reference: string, amountMinor: bigint): ProviderRefund => ({
    reference,
    refundId: "",
    attempt: 0,
    amountMinor,
    state: "succeeded",
  });

  test("a dispute over a part that is lost takes that part, once, whenever it is seen", () => {
    const lost = { reference: "dp_1", amountMinor: 5_00n, state: "lost" } as const;
    const said = { refunds: [succeeded("re_1", 1_00n)], disputes: [lost] };
    const once = later(settledByReturns(captured(), said, 2));
    expect(once).toMatchObject({ status: "partially_refunded", refundedMinor: 6_00n });
    expect(settledByReturns(once, said, 3)).toBe(once);
    const again = { refunds: said.refunds, disputes: [lost, { ...lost, reference: "dp_2" }] };
    expect(settledByReturns(once, again, 4).refundedMinor).toBe(11_00n);
  });

  test("a refund that is given a second time is not told again, though another is told with it", () => {
    const first = succeeded("re_1", 5_00n);
    const given = settledByReturns(captured(), { refunds: [first], disputes: [] }, 2);
    const failed = { ...first, state: "failed" } as const;
    const owed = settledByReturns(given, { refunds: [failed], disputes: [] }, 3);
    const refundId = owed.refunds[0]?.refundId ?? "";
    expect(owed).toMatchObject({ refundedMinor: 5_00n, refunds: [{ status: "owed", attempt: 2 }] });
    const second = { ...succeeded("re_2", 5_00n), refundId, attempt: 2 };
    const said = { refunds: [succeeded("re_3", 1_00n), second, failed], disputes: [] };
    const after = settledByReturns(owed, said, 4);
    expect(after).toMatchObject({ refundedMinor: 6_00n, status: "partially_refunded" });
    expect(eventsOf(owed, after).map(({ data }) => data.amount)).toEqual(["1.00"]);
  });
});

const minorOf = (amount: string): bigint => BigInt(amount.replace(".", ""));
