// What a checkout costs: authorizing and capturing, on Postgres.

import { randomUUID } from "node:crypto";
import { freshSchema, migrationsFrom, openOutbox, outboxMigrations } from "@webstore/kit/testing";
import { expect, onTestFinished, test } from "vitest";
import { postgresPaymentStore } from "./payment-store.postgres.ts";
import { byOrder, invoice, paymentIn } from "./testing.ts";
import { reasonOf, shop } from "./testing-shop.ts";

async function countedShop() {
  const own = migrationsFrom(new URL("./migrations/", import.meta.url));
  const postgres = await freshSchema([...outboxMigrations, ...own]);
  onTestFinished(() => postgres.close());
  const sent: string[] = [];
  const counting: typeof postgres = {
    ...postgres,
    commit: (...writes) => {
      sent.push(`commit ${writes.flat().map((each) => each.name)}`);
      return postgres.commit(...writes);
    },
    query: (text, values, name) => {
      sent.push(`query ${name}`);
      return postgres.query(text, values, name);
    },
  };
  const at = shop();
  const store = postgresPaymentStore(counting, openOutbox({ nowMs: Date.now, newId: randomUUID }));
  return { at, sent, store };
}

test("authorizing and capturing cost three commits and no read, and tell orders nothing that it knows", async () => {
  const { at, sent, store } = await countedShop();
  const service = at.process({ store });
  const asked = invoice();
  await service.createPayment(asked);
  const payment = paymentIn(await service.capturePayment(byOrder(asked.orderId)));
  expect(payment.status).toBe("PAYMENT_STATUS_CAPTURED");
  expect(sent).toEqual([
    "commit payment_open",
    "commit payment_replace",
    "commit payment_replace,outbox_publish",
  ]);
});

test("a process that remembers an old version of a payment reads the new one before it says anything", async () => {
  const { at, store } = await countedShop();
  const [old, other] = [at.process({ store }), at.process({ store })];
  const asked = invoice();
  const which = byOrder(asked.orderId);
  await old.createPayment(asked);
  await other.voidPayment(which);
  expect(await reasonOf(old.capturePayment(which))).toBe("payment_not_capturable");
  expect(paymentIn(await old.getPayment(which)).status).toBe("PAYMENT_STATUS_VOIDED");

  const again = invoice();
  await old.createPayment(again);
  await other.capturePayment(byOrder(again.orderId));
  const captured = paymentIn(await old.capturePayment(byOrder(again.orderId)));
  expect(captured).toMatchObject({ status: "PAYMENT_STATUS_CAPTURED", capturedMinor: 19_99n });
  expect(captured.history).toHaveLength(3);
});
