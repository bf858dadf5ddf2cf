// Random true stories of orders: sold, refunded in parts, cancelled, disputed, or never come to anything.

import fc from "fast-check";
import type { World } from "./testing-world.ts";

export const amounts = fc.record({
  subtotalMinor: fc.bigInt({ min: 1n, max: 99_900n }),
  shippingMinor: fc.constantFrom(0n, 5_99n),
  currency: fc.constantFrom("USD", "JPY", "KWD"),
});
export const change = fc.oneof(
  fc.record({ do: fc.constant("refund" as const), minor: fc.bigInt({ min: 1n, max: 60_000n }) }),
  fc.record({ do: fc.constantFrom("cancel", "deliver", "win", "lose"), minor: fc.constant(0n) }),
);
export const story = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      is: fc.constant("sell" as const),
      amounts,
      changes: fc.array(change, { maxLength: 6 }),
    }),
  },
  fc.record({
    is: fc.constantFrom("undo", "undo by cancel", "decline", "release", "fail", "import"),
    amounts,
    changes: fc.constant([]),
  }),
);

export function tell(
  world: World,
  { is, amounts, changes }: typeof story extends fc.Arbitrary<infer S> ? S : never,
) {
  if (is === "undo by cancel") world.undo("ORDER_STATUS_CANCELLED");
  if (is === "undo") world.undo();
  if (is === "decline") world.decline();
  if (is === "release") world.release();
  if (is === "fail") world.fail();
  if (is === "import") world.import();
  if (is !== "sell") return;
  const sale = world.sell({ ...amounts, discountMinor: amounts.subtotalMinor / 10n });
  for (const each of changes) {
    if (each.do === "refund") world.refund(sale, each.minor);
    if (each.do === "cancel") world.cancel(sale);
    if (each.do === "deliver") world.deliver(sale);
    if (each.do === "win" || each.do === "lose") world.dispute(sale, each.do === "lose");
  }
}
