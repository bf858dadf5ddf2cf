// A disagreement between the orders, the payments, the books and the provider. Pure.

import { decimalOf } from "@webstore/kit";
import type { Money } from "./reconciliation-view.ts";

export const differenceKinds = [
  "missing_in_ledger",
  "missing_in_payments",
  "missing_at_provider",
  "unknown_to_store",
  "amount",
  "status",
  "missing_in_orders",
  "unpaid_order",
  "imbalance",
] as const;
export type DifferenceKind = (typeof differenceKinds)[number];

/** Who says which amount; undefined where a side has none, or was not asked. */
export type Sides = {
  readonly ledger?: Money | undefined;
  readonly payments?: Money | undefined;
  readonly provider?: Money | undefined;
  readonly orders?: Money | undefined;
};

/** What it is about; empty where not known. */
export type Ids = {
  readonly orderId: string;
  readonly paymentId: string;
  readonly providerReference: string;
};

export type Difference = Ids & { readonly [S in keyof Required<Sides>]: Money | undefined } & {
  readonly kind: DifferenceKind;
  /** A sentence for staff. */
  readonly detail: string;
};

export function difference(
  kind: DifferenceKind,
  ids: Partial<Ids>,
  sides: Sides,
  detail: string,
): Difference {
  return {
    kind,
    orderId: ids.orderId ?? "",
    paymentId: ids.paymentId ?? "",
    providerReference: ids.providerReference ?? "",
    ledger: sides.ledger,
    payments: sides.payments,
    provider: sides.provider,
    orders: sides.orders,
    detail,
  };
}

/** The same for two looks that found the same, to the cent. */
export function keyOf(is: Difference): string {
  const amounts = [is.ledger, is.payments, is.provider, is.orders].map((side) =>
    side === undefined ? "-" : `${side.amountMinor}${side.currency}`,
  );
  return [is.kind, is.orderId, is.paymentId, is.providerReference, ...amounts, is.detail].join(" ");
}

export const text = ({ amountMinor, currency }: Money): string =>
  `${decimalOf(amountMinor, currency)} ${currency}`;

/** Whether all the sides that say something say the same. Nothing is nothing in every currency. */
export function agree(sides: readonly (Money | undefined)[]): boolean {
  const said = sides.filter((side) => side !== undefined);
  const [first] = said;
  return said.every(
    (side) =>
      side.amountMinor === first?.amountMinor &&
      (side.amountMinor === 0n || side.currency === first.currency),
  );
}
