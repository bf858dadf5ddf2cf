// The closed list of reasons for which the cart refuses.

import { defineRefusals } from "@webstore/kit";

export const refusals = defineRefusals("cart", {
  product_not_found: {
    code: "NOT_FOUND",
    caller: "There is no such product, or it cannot be bought now.",
    operator: "Many at once may be a link to a product that was deactivated.",
  },
  quantity_too_large: {
    code: "FAILED_PRECONDITION",
    caller: "A cart holds at most 99 of one product.",
    operator: "Nothing to do.",
  },
  cart_full: {
    code: "FAILED_PRECONDITION",
    caller: "A cart holds at most 100 different products.",
    operator: "Nothing to do.",
  },
  currency_mismatch: {
    code: "FAILED_PRECONDITION",
    caller: "This product is sold in another currency than those in the cart.",
    operator: "Look for a price in the wrong currency when the store sells in one only.",
  },
  line_not_found: {
    code: "NOT_FOUND",
    caller: "This product is not in the cart.",
    operator: "Nothing to do; two windows of one shopper do this.",
  },
});
