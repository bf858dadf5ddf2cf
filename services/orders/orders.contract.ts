// What orders promises to whoever calls it, as tests: the fake and the service both pass all of them. What only the
// service has (who may call, what a field accepts, surviving its own death) is in orders.test.ts and recovery.test.ts.

import { afterAll, beforeAll, describe } from "vitest";
import { executionTests } from "./contract/cancelling.ts";
import { cancellingTests, transitionTests } from "./contract/changing.ts";
import { importingTests } from "./contract/importing.ts";
import { confirmationTests, paymentStatusTests } from "./contract/paying.ts";
import { placingTests, repeatingTests } from "./contract/placing.ts";
import { readingTests } from "./contract/reading.ts";
import { refusingTests } from "./contract/refusing.ts";
import { sagaTests } from "./contract/sagas.ts";
import { shopOf } from "./contract/shop.ts";
import type { Subject } from "./testing-world.ts";

export function ordersContract(name: string, open: () => Promise<Subject>): void {
  describe(name, () => {
    let opened: Subject | undefined;
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(() => opened?.stop());
    const shop = shopOf(() => {
      if (opened === undefined) throw new Error("a test runs before orders is open");
      return opened;
    });
    for (const group of groups) group(shop);
  });
}

const groups = [
  placingTests,
  repeatingTests,
  refusingTests,
  readingTests,
  cancellingTests,
  transitionTests,
  executionTests,
  paymentStatusTests,
  confirmationTests,
  importingTests,
  sagaTests,
];
