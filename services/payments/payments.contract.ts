// What payments promises to whoever calls it; the fake and the service are both held to it.

import { randomUUID } from "node:crypto";
import type { HandlersOf } from "@webstore/kit";
import type { PaymentServiceDefinition, ProviderPayment } from "@webstore/proto/payments/v1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { refundsContract } from "./refunds.contract.ts";
import { byId, byOrder, invoice, paymentIn } from "./testing.ts";

export type Subject = {
  readonly client: HandlersOf<typeof PaymentServiceDefinition>;
  stop(): Promise<void>;
};

export function paymentsContract(name: string, start: () => Promise<Subject>): void {
  describe(name, () => {
    let subject: Subject;
    beforeAll(async () => {
      subject = await start();
    });
    afterAll(() => subject?.stop());
    const client = () => subject.client;

    createContract(client);
    captureContract(client);
    voidContract(client);
    refundsContract(client);
    listContract(client);
    providerContract(client);
  });
}

export type Client = () => HandlersOf<typeof PaymentServiceDefinition>;

function createContract(client: Client): void {
  test("a payment is authorized, and says what is held for whom", async () => {
    const asked = invoice();
    const payment = paymentIn(await client().createPayment(asked));
    expect(payment).toMatchObject({
      orderId: asked.orderId,
      customerId: asked.customerId,
      amount: asked.amount,
      country: "DE",
      status: "PAYMENT_STATUS_AUTHORIZED",
      capturedMinor: 0n,
      refundedMinor: 0n,
      clientSecret: "",
      receiptUrl: "",
      cardBrand: "visa",
      providerReference: expect.stringMatching(/^pi_/),
    });
    expect(payment.history.map(({ status }) => status)).toEqual([
      "PAYMENT_STATUS_CREATED",
      "PAYMENT_STATUS_AUTHORIZED",
    ]);
    const { payment: kept, refunds } = await client().getPayment(byId(payment.paymentId));
    expect({ kept, refunds }).toEqual({ kept: payment, refunds: [] });
  });

  test("a repeat answers the payment that is there, also with another card", async () => {
    const asked = invoice();
    const first = await client().createPayment(asked);
    expect(await client().createPayment(asked)).toEqual(first);
    expect(await client().createPayment({ ...asked, paymentMethodToken: "pm_card_mastercard" })).toEqual(
      first,
    );
  });

  test("twenty at once for one order are one payment", async () => {
    const asked = invoice();
    const all = await Promise.all(Array.from({ length: 20 }, () => client().createPayment(asked)));
    expect(new Set(all.map((each) => paymentIn(each).paymentId)).size).toBe(1);
    expect(new Set(all.map((each) => paymentIn(each).status))).toEqual(
      new Set(["PAYMENT_STATUS_AUTHORIZED"]),
    );
  });

  test.each([
    ["another amount", { amount: { amountMinor: 20_00n, currency: "USD" } }],
    ["another currency", { amount: { amountMinor: 19_99n, currency: "EUR" } }],
    ["another customer", { customerId: randomUUID() }],
  ])("an order cannot be paid again for %s", async (_, other) => {
    const asked = invoice();
    await client().createPayment(asked);
    const refused = client().createPayment({ ...asked, ...other });
    await expect(refused).rejects.toMatchObject({ service: "payments", reason: "payment_conflict" });
  });

  test.each([
    ["pm_card_chargeDeclined", "generic_decline"],
    ["pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds"],
    ["pm_card_visa_chargeDeclinedLostCard", "lost_card"],
  ])("the card %s is declined, and a repeat says so again", async (paymentMethodToken, decline_code) => {
    const asked = invoice({ paymentMethodToken });
    const refusal = { reason: "card_declined", code: "FAILED_PRECONDITION", details: { decline_code } };
    await expect(client().createPayment(asked)).rejects.toMatchObject(refusal);
    const repeated = client().createPayment({ ...asked, paymentMethodToken: "pm_card_visa" });
    await expect(repeated).rejects.toMatchObject(refusal);
    const payment = paymentIn(await client().getPayment(byOrder(asked.orderId)));
    expect(payment).toMatchObject({ status: "PAYMENT_STATUS_FAILED", declineCode: decline_code });
  });

  test("what the shopper must confirm is answered with the secret for it, also when repeated", async () => {
    const asked = invoice({ paymentMethodToken: "pm_card_authenticationRequired" });
    const payment = paymentIn(await client().createPayment(asked));
    expect(payment.status).toBe("PAYMENT_STATUS_REQUIRES_ACTION");
    expect(payment.clientSecret).not.toBe("");
    expect(paymentIn(await client().createPayment(asked))).toEqual(payment);
    expect(paymentIn(await client().getPayment(byOrder(asked.orderId)))).toEqual(payment);
    await expect(client().capturePayment(byOrder(asked.orderId))).rejects.toMatchObject({
      reason: "payment_not_capturable",
    });
    const voided = paymentIn(await client().voidPayment(byOrder(asked.orderId)));
    expect(voided).toMatchObject({ status: "PAYMENT_STATUS_VOIDED", clientSecret: "" });
  });

  test.each([
    ["amount_too_small", 0n, "USD"],
    ["amount_too_large", 1_000_00n, "USD"],
    ["amount_too_large", 1_000n, "JPY"],
    ["amount_too_large", 1_000_000n, "KWD"],
    ["invalid_request", 10_00n, "ZZZ"],
  ])("%s: %i minor units of %s", async (reason, amountMinor, currency) => {
    const asked = invoice({ amount: { amountMinor, currency } });
    await expect(client().createPayment(asked)).rejects.toMatchObject({ reason });
    const missing = client().getPayment(byOrder(asked.orderId));
    await expect(missing).rejects.toMatchObject({ reason: "payment_not_found" });
  });

  test.each([
    [999_99n, "USD"],
    [999n, "JPY"],
    [50n, "EUR"],
  ])("%i minor units of %s can be paid", async (amountMinor, currency) => {
    const asked = invoice({ amount: { amountMinor, currency } });
    await client().createPayment(asked);
    const payment = paymentIn(await client().capturePayment(byOrder(asked.orderId)));
    expect(payment).toMatchObject({ status: "PAYMENT_STATUS_CAPTURED", capturedMinor: amountMinor });
  });

  test("a description with a NUL is refused, and nothing happens", async () => {
    const asked = invoice({ description: "a\0b" });
    await expect(client().createPayment(asked)).rejects.toMatchObject({ reason: "invalid_request" });
    expect(await client().voidPayment(byOrder(asked.orderId))).toEqual({ payment: undefined });
  });
}

function captureContract(client: Client): void {
  test("all that was authorized is captured, once", async () => {
    const { orderId } = paymentIn(await client().createPayment(invoice()));
    const payment = paymentIn(await client().capturePayment(byOrder(orderId)));
    expect(payment).toMatchObject({ status: "PAYMENT_STATUS_CAPTURED", capturedMinor: 19_99n });
    expect(payment.receiptUrl).toMatch(/^https?:/);
    expect(paymentIn(await client().capturePayment(byId(payment.paymentId)))).toEqual(payment);
    expect(paymentIn(await client().createPayment(invoice({ orderId })))).toEqual(payment);
  });

  test("what there is not cannot be captured, looked at, or voided by its id", async () => {
    const notFound = { code: "NOT_FOUND", reason: "payment_not_found" };
    await expect(client().capturePayment(byOrder(randomUUID()))).rejects.toMatchObject(notFound);
    await expect(client().capturePayment(byId(randomUUID()))).rejects.toMatchObject(notFound);
    await expect(client().getPayment(byOrder(randomUUID()))).rejects.toMatchObject(notFound);
    await expect(client().voidPayment(byId(randomUUID()))).rejects.toMatchObject(notFound);
  });

  test("a declined payment cannot be captured", async () => {
    const asked = invoice({ paymentMethodToken: "pm_card_chargeDeclined" });
    await expect(client().createPayment(asked)).rejects.toMatchObject({ reason: "card_declined" });
    const refused = client().capturePayment(byOrder(asked.orderId));
    await expect(refused).rejects.toMatchObject({ reason: "payment_not_capturable" });
  });

  test("captured twenty times and voided twenty times at once, one of the two happens", async () => {
    const { orderId } = paymentIn(await client().createPayment(invoice()));
    const captures = Array.from({ length: 20 }, () => client().capturePayment(byOrder(orderId)));
    const voids = Array.from({ length: 20 }, () => client().voidPayment(byOrder(orderId)));
    const outcomes = await Promise.allSettled([...captures, ...voids]);
    const { status } = paymentIn(await client().getPayment(byOrder(orderId)));
    const isCaptured = status === "PAYMENT_STATUS_CAPTURED";
    expect(isCaptured || status === "PAYMENT_STATUS_VOIDED").toBe(true);
    const reasons = outcomes.flatMap((each) => (each.status === "rejected" ? [each.reason.reason] : []));
    expect(reasons).toEqual(
      Array.from({ length: 20 }, () => (isCaptured ? "payment_not_voidable" : "payment_not_capturable")),
    );
  });
}

function voidContract(client: Client): void {
  test("a voided payment holds nothing, cannot be captured, and stays voided", async () => {
    const asked = invoice();
    await client().createPayment(asked);
    const payment = paymentIn(await client().voidPayment(byOrder(asked.orderId)));
    expect(payment).toMatchObject({ status: "PAYMENT_STATUS_VOIDED", capturedMinor: 0n });
    expect(paymentIn(await client().voidPayment(byId(payment.paymentId)))).toEqual(payment);
    const captured = client().capturePayment(byOrder(asked.orderId));
    await expect(captured).rejects.toMatchObject({ reason: "payment_not_capturable" });
    await expect(client().createPayment(asked)).rejects.toMatchObject({ reason: "payment_voided" });
  });

  test("an order that is voided before it was paid is never paid", async () => {
    const asked = invoice();
    expect(await client().voidPayment(byOrder(asked.orderId))).toEqual({ payment: undefined });
    expect(await client().voidPayment(byOrder(asked.orderId))).toEqual({ payment: undefined });
    const late = client().createPayment(asked);
    await expect(late).rejects.toMatchObject({ code: "FAILED_PRECONDITION", reason: "payment_voided" });
    const missing = client().getPayment(byOrder(asked.orderId));
    await expect(missing).rejects.toMatchObject({ reason: "payment_not_found" });
    const { payments } = await client().listPayments({
      status: "PAYMENT_STATUS_UNSPECIFIED",
      orderId: asked.orderId,
      pageSize: 0,
      pageToken: "",
    });
    expect(payments).toEqual([]);
  });

  test("created and voided at once, an order ends without money held", async () => {
    const asked = invoice();
    const outcomes = await Promise.allSettled([
      client().createPayment(asked),
      client().voidPayment(byOrder(asked.orderId)),
      client().createPayment(asked),
    ]);
    expect(outcomes[1]).toMatchObject({ status: "fulfilled" });
    await expect(client().createPayment(asked)).rejects.toMatchObject({ reason: "payment_voided" });
  });

  test("a captured payment is not voided", async () => {
    const { orderId } = paymentIn(await client().createPayment(invoice()));
    await client().capturePayment(byOrder(orderId));
    const refused = client().voidPayment(byOrder(orderId));
    await expect(refused).rejects.toMatchObject({
      code: "FAILED_PRECONDITION",
      reason: "payment_not_voidable",
    });
  });

  test("a declined payment is answered as it is", async () => {
    const asked = invoice({ paymentMethodToken: "pm_card_chargeDeclined" });
    await expect(client().createPayment(asked)).rejects.toMatchObject({ reason: "card_declined" });
    const payment = paymentIn(await client().voidPayment(byOrder(asked.orderId)));
    expect(payment.status).toBe("PAYMENT_STATUS_FAILED");
  });
}

function listContract(client: Client): void {
  const filter = { status: "PAYMENT_STATUS_UNSPECIFIED", orderId: "" } as const;

  test("pages show every payment once, the newest first, though more are made in between", async () => {
    for (let count = 0; count < 3; count += 1) await client().createPayment(invoice());
    const whole = await client().listPayments({ ...filter, pageSize: 100, pageToken: "" });
    const times = whole.payments.map(({ createTime }) => createTime?.getTime() ?? 0);
    expect(times).toEqual(times.toSorted((a, b) => b - a));

    const seen: string[] = [];
    let pageToken = "";
    do {
      const page = await client().listPayments({ ...filter, pageSize: 2, pageToken });
      seen.push(...page.payments.map(({ paymentId }) => paymentId));
      if (pageToken === "") await client().createPayment(invoice());
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(new Set(seen).size).toBe(seen.length);
    // One that is made within the same millisecond may still come on a later page.
    const known = whole.payments.map(({ paymentId }) => paymentId);
    expect(seen.filter((paymentId) => known.includes(paymentId))).toEqual(known);
  });

  test("payments are found by status and order", async () => {
    const payment = paymentIn(await client().createPayment(invoice()));
    const { orderId } = payment;
    const page = { pageSize: 0, pageToken: "" };
    expect((await client().listPayments({ ...filter, orderId, ...page })).payments).toEqual([payment]);
    const held = { status: "PAYMENT_STATUS_AUTHORIZED", orderId, ...page } as const;
    expect((await client().listPayments(held)).payments).toEqual([payment]);
    const voided = { status: "PAYMENT_STATUS_VOIDED", orderId, ...page } as const;
    expect((await client().listPayments(voided)).payments).toEqual([]);
  });

  test.each(["x", "' or true", Buffer.from("0 nobody").toString("base64url"), "eyJhIjoxfQ"])(
    "the page token %s is refused",
    async (pageToken) => {
      const refused = client().listPayments({ ...filter, pageSize: 2, pageToken });
      await expect(refused).rejects.toMatchObject({ reason: "invalid_request" });
    },
  );
}

function providerContract(client: Client): void {
  test("what is known of a payment is answered as it is when it is to be resolved", async () => {
    const { orderId, paymentId } = paymentIn(await client().createPayment(invoice()));
    const held = paymentIn(await client().getPayment(byOrder(orderId)));
    expect(paymentIn(await client().resolvePayment({ paymentId }))).toEqual(held);
    const captured = paymentIn(await client().capturePayment(byOrder(orderId)));
    expect(paymentIn(await client().resolvePayment({ paymentId }))).toEqual(captured);
    expect(captured.resolutionGivenUp).toBe(false);
    const missing = client().resolvePayment({ paymentId: randomUUID() });
    await expect(missing).rejects.toMatchObject({ reason: "payment_not_found" });
  });

  test("the provider's list has what was taken and what went back, and whose it is", async () => {
    const made = [];
    for (let count = 0; count < 3; count += 1) made.push(paymentIn(await client().createPayment(invoice())));
    const [held, voided, refunded] = made.map(({ orderId }) => byOrder(orderId));
    if (held === undefined || voided === undefined || refunded === undefined) throw new Error("not made");
    await client().voidPayment(voided);
    await client().capturePayment(refunded);
    const amount = { amountMinor: 5_00n, currency: "USD" };
    await client().processRefund({ ...refunded, amount, refundId: randomUUID(), reason: "" });

    const found = await wholeList(client, 2);
    const ours = made.map(({ paymentId }) => found.find((each) => each.paymentId === paymentId));
    expect(ours.map((each) => [each?.status, each?.capturedMinor, each?.refundedMinor])).toEqual([
      ["requires_capture", 0n, 0n],
      ["canceled", 0n, 0n],
      ["succeeded", 19_99n, 5_00n],
    ]);
    expect(ours.map((each) => [each?.orderId, each?.providerReference])).toEqual(
      made.map(({ orderId, providerReference }) => [orderId, providerReference]),
    );
    expect(ours[0]).toMatchObject({ amount: { amountMinor: 19_99n, currency: "USD" } });
    const references = found.map(({ providerReference }) => providerReference);
    expect(new Set(references).size).toBe(references.length);
    const times = found.map(({ createTime }) => createTime?.getTime() ?? 0);
    expect(times).toEqual(times.toSorted((a, b) => b - a));
  });

  test("the provider's list is cut to the time that is asked for", async () => {
    await client().createPayment(invoice());
    const page = { pageSize: 1, pageToken: "" };
    const past = { createdSince: undefined, createdBefore: new Date(1_000_000_000_000) };
    expect(await client().listProviderPayments({ ...past, ...page })).toEqual({
      payments: [],
      nextPageToken: "",
    });
    const future = { createdSince: new Date(4_000_000_000_000), createdBefore: undefined };
    expect((await client().listProviderPayments({ ...future, ...page })).payments).toEqual([]);
    const all = { createdSince: past.createdBefore, createdBefore: future.createdSince };
    expect((await client().listProviderPayments({ ...all, ...page })).payments).toHaveLength(1);
  });

  test.each(["x y", "%00", Buffer.from("pi_1&limit=100").toString("base64url")])(
    "the page token %s is none of the provider's list",
    async (pageToken) => {
      const page = { createdSince: undefined, createdBefore: undefined, pageSize: 2, pageToken };
      const refused = client().listProviderPayments(page);
      await expect(refused).rejects.toMatchObject({ reason: "invalid_request" });
    },
  );

  test("an event that nobody signed is refused", async () => {
    const payload = Buffer.from(JSON.stringify({ id: "evt_1", type: "charge.refunded" }));
    for (const signature of ["", "t=1,v1=00"]) {
      const refused = client().receiveProviderEvent({ payload, signature });
      await expect(refused).rejects.toMatchObject({ reason: "webhook_signature_invalid" });
    }
  });
}

async function wholeList(client: Client, pageSize: number): Promise<ProviderPayment[]> {
  const all: ProviderPayment[] = [];
  let pageToken = "";
  do {
    const range = { createdSince: undefined, createdBefore: undefined };
    const page = await client().listProviderPayments({ ...range, pageSize, pageToken });
    all.push(...page.payments);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return all;
}
