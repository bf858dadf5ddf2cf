// The contract of orders: its sagas, as those see them who are on call.

import { randomUUID } from "node:crypto";
import { inspect } from "node:util";
import type { ListSagasRequest } from "@webstore/proto/orders/v1/sagas";
import { expect, test } from "vitest";
import { refusalOf, request, type Shop } from "./shop.ts";

export function sagaTests(shop: Shop): void {
  const list = (is: Partial<ListSagasRequest> = {}) =>
    shop.as("service").listSagas({
      status: "SAGA_STATUS_UNSPECIFIED",
      name: "",
      orderId: "",
      idleSecondsMin: 0,
      pageSize: 0,
      pageToken: "",
      ...is,
    });
  const sagasOf = async (orderId: string) => (await list({ orderId })).sagas;
  const retry = (sagaId: string) => shop.as("service").retrySaga({ sagaId });
  const compensate = (sagaId: string) => shop.as("service").compensateSaga({ sagaId });
  /** An order that waits for its shopper. */
  const waiting = async () => {
    await shop.fill("ada", [await shop.product(), 1]);
    const asked = request({ paymentMethodToken: "pm_card_authenticationRequired" });
    return { asked, orderId: (await shop.place("ada", asked)).order.orderId };
  };

  test("an order's sagas are found by the order: the one that placed it, and the one that cancelled it", async () => {
    const { orderId } = await shop.placed();
    const [placing, ...others] = await sagasOf(orderId);
    expect(others).toEqual([]);
    expect(placing).toEqual({
      sagaId: orderId,
      name: "place-order",
      orderId,
      status: "SAGA_STATUS_DONE",
      step: "",
      attempts: 0,
      errorReason: "",
      leaseUntil: undefined,
      createTime: expect.any(Date),
      updateTime: expect.any(Date),
    });
    await shop.as("ada").cancelOrder({ orderId });
    await shop.as("service").executeCancellation({ orderId });
    const all = await sagasOf(orderId);
    expect(all.map((saga) => [saga.name, saga.orderId, saga.status])).toEqual([
      ["cancel-order", orderId, "SAGA_STATUS_DONE"],
      ["place-order", orderId, "SAGA_STATUS_DONE"],
    ]);
    expect(await sagasOf(randomUUID())).toEqual([]);
  });

  test("one is shown with what happened to it, and nothing of how it was paid", async () => {
    const { orderId } = await waiting();
    const { saga, journal } = await shop.as("service").getSaga({ sagaId: orderId });
    expect(saga).toMatchObject({ status: "SAGA_STATUS_RUNNING", step: "capture", leaseUntil: undefined });
    const finished = journal.flatMap(({ step, kind }) => (kind === "JOURNAL_KIND_DO_FINISHED" ? [step] : []));
    expect(finished).toEqual(["reservation", "order", "authorization"]);
    expect(inspect({ saga, journal }, { depth: null })).not.toContain("pm_card");
    expect((await list({ status: "SAGA_STATUS_RUNNING" })).sagas.map(({ sagaId }) => sagaId)).toContain(
      orderId,
    );
    await compensate(orderId);
    await shop.until(orderId, "ORDER_STATUS_FAILED");
  });

  test("one that waits goes on when it is let, and does what it waited to do", async () => {
    const { orderId } = await waiting();
    await shop.subject().payments.confirm(orderId, "succeeded");
    await retry(orderId);
    await shop.until(orderId, "ORDER_STATUS_PAID");
    for (const ask of [retry, compensate])
      expect(await refusalOf(ask(orderId))).toMatchObject({
        reason: "saga_ended",
        code: "FAILED_PRECONDITION",
      });
    expect((await shop.one(orderId)).status).toBe("ORDER_STATUS_PAID");
  });

  test("one that is turned back leaves nothing of the order, and stays turned", async () => {
    const before = shop.subject().payments.standing();
    const { asked, orderId } = await waiting();
    expect((await compensate(orderId)).saga?.sagaId).toBe(orderId);
    const failed = await shop.until(orderId, "ORDER_STATUS_FAILED");
    expect(failed.failureReason).toBe("partner_unavailable");
    expect(shop.subject().payments.standing()).toEqual(before);
    await expect.poll(async () => (await sagasOf(orderId))[0]?.status).toBe("SAGA_STATUS_UNDONE");
    expect((await compensate(orderId)).saga).toMatchObject({
      status: "SAGA_STATUS_UNDONE",
      errorReason: expect.stringMatching(/./),
    });
    expect((await refusalOf(retry(orderId))).reason).toBe("saga_ended");
    expect((await refusalOf(shop.place("ada", asked))).reason).toBe("partner_unavailable");
  });

  test("the pages together are the list, filtered by name and status", async () => {
    for (let count = 0; count < 3; count += 1) await shop.placed();
    const filter = { name: "place-order", status: "SAGA_STATUS_DONE" } as const;
    const whole = (await list({ ...filter, pageSize: 100 })).sagas.map(({ sagaId }) => sagaId).slice(0, 3);
    const paged: string[] = [];
    let pageToken = "";
    while (paged.length < 3) {
      const page = await list({ ...filter, pageSize: 1, pageToken });
      expect(page.sagas).toHaveLength(1);
      paged.push(page.sagas[0]?.sagaId ?? "");
      pageToken = page.nextPageToken;
    }
    expect(paged).toEqual(whole);
    expect((await list({ name: "no-such-saga" })).sagas).toEqual([]);
    expect((await list({ ...filter, idleSecondsMin: 86_400 })).sagas).toEqual([]);
  });

  test("nobody's saga is not found", async () => {
    const sagaId = randomUUID();
    const get = () => shop.as("service").getSaga({ sagaId });
    for (const ask of [get, retry, compensate])
      expect(await refusalOf(ask(sagaId))).toMatchObject({ reason: "saga_not_found", code: "NOT_FOUND" });
  });
}
