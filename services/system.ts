// The list of services. Adding one is its folder and a line here.
//
// The order is that of starting; stopping goes the other way, so that nobody loses a callee that
// it still needs. `load` is where a service's code is first read: what is not started costs nothing.

import { cart } from "@webstore/cart/definition";
import { catalog } from "@webstore/catalog/definition";
import { crm } from "@webstore/crm/definition";
import { gateway } from "@webstore/gateway/definition";
import { identity } from "@webstore/identity/definition";
import { inventory } from "@webstore/inventory/definition";
import type { Env, PartnerDefinition, Running, ServiceDefinition } from "@webstore/kit";
import { ledger } from "@webstore/ledger/definition";
import { notifications } from "@webstore/notifications/definition";
import { orderProcessor } from "@webstore/order-processor/definition";
import { orders } from "@webstore/orders/definition";
import { paymentProvider } from "@webstore/payment-provider/definition";
import { payments } from "@webstore/payments/definition";

/** A definition, and where its code is. */
export type Member =
  | {
      readonly is: ServiceDefinition;
      readonly load: () => Promise<(env: Env) => Promise<Running>>;
    }
  /** A partner runs in a thread of its own (partners-thread.ts), from the folder of its name. */
  | { readonly is: PartnerDefinition };

export const system: readonly Member[] = [
  { is: paymentProvider },
  { is: crm },
  { is: inventory },
  { is: identity, load: async () => (await import("./identity/main.ts")).program.start },
  { is: catalog, load: async () => (await import("./catalog/main.ts")).program.start },
  { is: cart, load: async () => (await import("./cart/main.ts")).program.start },
  { is: payments, load: async () => (await import("./payments/main.ts")).program.start },
  { is: orders, load: async () => (await import("./orders/main.ts")).program.start },
  { is: ledger, load: async () => (await import("./ledger/main.ts")).program.start },
  { is: notifications, load: async () => (await import("./notifications/main.ts")).program.start },
  { is: orderProcessor, load: async () => (await import("./order-processor/main.ts")).program.start },
  { is: gateway, load: async () => (await import("./gateway/main.ts")).program.start },
];
