// Money as the storefront's views have it. Reading and writing amounts is the kit's.

import { decimalOf } from "@webstore/kit";
import type { Money } from "@webstore/proto/common/v1";
import type { Price } from "@webstore/proto/storefront/v1";

export function priceOf({ amountMinor, currency }: Money): Price {
  return { amount: decimalOf(amountMinor, currency), currency };
}
