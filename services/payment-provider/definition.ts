// The payment provider as the store sees it: another company's API. It has no operations here,
// because payments reaches it through that company's own client, the `stripe` package.

import { definePartner } from "@webstore/kit";

export const paymentProvider = definePartner({ name: "payment-provider", port: 3001, operations: {} });
