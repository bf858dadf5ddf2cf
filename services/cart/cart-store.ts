// The carts, one a customer. Every implementation promises:
//   S1. Each change is one step that no other change of the same cart comes in between, and follows cart.ts.
//   S2. What is refused or repeated leaves the cart as it was.
//   S3. Reading a cart that nobody ever filled gives an empty one and stores nothing.

import type { Addition, AdditionOutcome, Cart, Line } from "./cart.ts";

export type CartStore = {
  get(customerId: string): Promise<Cart>;
  add(customerId: string, addition: Addition): Promise<{ outcome: AdditionOutcome; cart: Cart }>;
  /** `quantity` 0 takes the line out. Undefined: there is no such line to set. */
  setQuantity(customerId: string, line: Line & { nowMs: number }): Promise<Cart | undefined>;
  clearOrdered(
    customerId: string,
    order: { orderId: string; lines: readonly Line[]; nowMs: number },
  ): Promise<Cart>;
};
