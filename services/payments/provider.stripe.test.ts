// The adapter against the simulator, and against servers that are worse than any provider.

import { createServer, type RequestListener, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type { Payment } from "./payment.ts";
import { adapterOf, keptPayment, startTestProvider, type TestProvider } from "./testing.ts";

let simulator: TestProvider;
let adapter: ReturnType<typeof adapterOf>;
beforeAll(async () => {
  simulator = await startTestProvider();
  adapter = adapterOf(simulator.url);
});
afterAll(async () => {
  await adapter?.close();
  await simulator?.stop();
});

const scripted = (payment: Payment, operation: string, action: string, more: object = {}) =>
  simulator.script({ match: { order_id: payment.orderId, operation }, do: action, ...more });

async function held(is: Partial<Payment> = {}, token = "pm_card_visa"): Promise<Payment> {
  const payment = keptPayment(is);
  const outcome = await adapter.provider.authorize(payment, token);
  if (outcome.is !== "done") throw new Error(`not held: ${outcome.is}`);
  return { ...payment, status: "authorized", asked: undefined, providerReference: outcome.intent.reference };
}

test("money is held, taken, and seen to be taken", async () => {
  const payment = await held();
  expect(await adapter.provider.retrieve(payment)).toMatchObject({
    intent: { state: "held", takenMinor: 0n },
  });
  const captured = await adapter.provider.capture(payment);
  expect(captured).toMatchObject({
    is: "done",
    intent: {
      state: "taken",
      takenMinor: 19_99n,
      cardBrand: "visa",
      receiptUrl: expect.stringMatching(/^http/),
    },
  });
  expect(await adapter.provider.capture(payment)).toEqual(captured);
  expect(await adapter.provider.cancel(payment)).toMatchObject({ is: "refused" });
});

test("what was processed without an answer is answered when asked again under its key", async () => {
  const payment = keptPayment();
  await scripted(payment, "create", "processed_then_timeout");
  expect(await adapter.provider.authorize(payment, "pm_card_visa")).toEqual({ is: "unanswered" });
  expect(await adapter.provider.find(payment)).toMatchObject({ is: "done", intent: { state: "held" } });
  expect(await adapter.provider.authorize(payment, "pm_card_visa")).toMatchObject({ is: "done" });
  expect(await simulator.intentsOf(payment.orderId)).toHaveLength(1);
});

test("a cut connection is no answer, and is not tried again behind our back", async () => {
  const payment = keptPayment();
  await scripted(payment, "create", "drop");
  expect(await adapter.provider.authorize(payment, "pm_card_visa")).toEqual({ is: "unanswered" });
  expect(await simulator.intentsOf(payment.orderId)).toHaveLength(0);
});

test("a call that is still being worked on is no answer, also to one under its key", async () => {
  const payment = keptPayment();
  await scripted(payment, "create", "slow", { delay_ms: 900 });
  expect(await adapter.provider.authorize(payment, "pm_card_visa")).toEqual({ is: "unanswered" });
  expect(await adapter.provider.authorize(payment, "pm_card_visa")).toEqual({ is: "unanswered" });
  expect(await adapter.provider.closeAuthorization(payment)).toBe("unanswered");
  await expect.poll(() => adapter.provider.closeAuthorization(payment), { timeout: 5_000 }).toBe("used");
  expect(await adapter.provider.find(payment)).toMatchObject({ is: "done", intent: { state: "held" } });
});

test("a key that is closed holds nothing, and lets nothing be held under it", async () => {
  const payment = keptPayment();
  expect(await adapter.provider.closeAuthorization(payment)).toBe("closed");
  expect(await adapter.provider.closeAuthorization(payment)).toBe("closed");
  expect(await adapter.provider.authorize(payment, "pm_card_visa")).toEqual({ is: "obscure" });
  expect(await adapter.provider.find(payment)).toEqual({ is: "nothing" });
  expect(await simulator.intentsOf(payment.orderId)).toEqual([]);
});

test("another card under the same key does not say what the first one did", async () => {
  const payment = await held();
  expect(await adapter.provider.authorize(payment, "pm_card_mastercard")).toEqual({ is: "obscure" });
});

test("declines keep the provider's word for them, at the authorization and at the capture", async () => {
  const declined = await adapter.provider.authorize(keptPayment(), "pm_card_chargeDeclinedExpiredCard");
  expect(declined).toMatchObject({ is: "done", intent: { state: "declined", declineCode: "expired_card" } });
  const unknownToken = await adapter.provider.authorize(keptPayment(), "pm_card_nobodyHasThis");
  expect(unknownToken).toMatchObject({ is: "done", intent: { state: "declined", reference: "" } });
  const payment = await held({}, "pm_webstore_captureDeclined");
  const capture = await adapter.provider.capture(payment);
  expect(capture).toMatchObject({
    is: "done",
    intent: { state: "declined", declineCode: "generic_decline" },
  });
});

test("refunds are given once a key, found again, and refused when there is nothing left", async () => {
  const payment = { ...(await held()), capturedMinor: 19_99n };
  await adapter.provider.capture(payment);
  const refund = {
    refundId: payment.paymentId,
    amountMinor: 19_99n,
    reason: "",
    status: "asked",
    providerReference: "",
    attempt: 1,
    createTimeMs: 0,
  } as const;
  expect(await adapter.provider.returns(payment)).toEqual({ is: "done", refunds: [], disputes: [] });
  const given = await adapter.provider.refund(payment, refund);
  expect(given).toMatchObject({ is: "done", reference: expect.stringMatching(/^re_/) });
  expect(await adapter.provider.refund(payment, refund)).toEqual(given);
  const { refundId, attempt, amountMinor } = refund;
  expect(await adapter.provider.returns(payment)).toMatchObject({
    refunds: [
      { refundId, attempt, amountMinor, state: "succeeded", reference: expect.stringMatching(/^re_/) },
    ],
  });
  expect(await adapter.provider.refund(payment, { ...refund, attempt: 2 })).toEqual({
    is: "refused",
    code: "charge_already_refunded",
  });
});

test.each([
  ["ISK", 5n, 500],
  ["UGX", 999n, 99_900],
  ["JPY", 999n, 999],
  ["KWD", 1_230n, 1_230],
])("%s: %i minor units are %i to the provider", async (currency, amountMinor, amount) => {
  const payment = await held({ currency, amountMinor });
  await adapter.provider.capture(payment);
  const [intent] = await simulator.intentsOf(payment.orderId);
  expect(intent?.amount_received).toBe(amount);
  expect(await adapter.provider.retrieve(payment)).toMatchObject({ intent: { takenMinor: amountMinor } });
});

test.each([
  [500, { is: "obscure" }],
  [503, { is: "unanswered" }],
  [400, { is: "refused", code: "" }],
  [404, { is: "refused", code: "resource_missing" }],
])("a failure with %i is %o", async (status, outcome) => {
  await simulator.failures({ US: { rate: 1, codes: [status] } });
  onTestFinished(() => simulator.failures({}));
  expect(await adapter.provider.authorize(keptPayment({ country: "US" }), "pm_card_visa")).toEqual(outcome);
});

test.each([
  [404, "resource_missing", { is: "nothing" }],
  [400, "parameter_invalid", { is: "unanswered" }],
  [404, "", { is: "unanswered" }],
  [402, "resource_missing", { is: "unanswered" }],
])("whose a reference is, answered with %i %s, is %o", async (status, code, answer) => {
  const url = await serve((_, response) => {
    response.writeHead(status, { "content-type": "application/json" });
    const type = status === 402 ? "card_error" : "invalid_request_error";
    response.end(JSON.stringify({ error: { type, code, message: "no" } }));
  });
  const { provider, close } = adapterOf(url);
  onTestFinished(close);
  expect(await provider.paymentIdOf("pi_1")).toEqual(answer);
});

test("too many requests are a call that was not taken up", async () => {
  await simulator.failures({ US: { rate: 1, codes: [429] } });
  onTestFinished(() => simulator.failures({}));
  const refused = adapter.provider.authorize(keptPayment({ country: "US" }), "pm_card_visa");
  await expect(refused).rejects.toMatchObject({ name: "Outage", notSent: true });
});

test("five failures in a row open the breaker: the sixth call is not sent", async () => {
  const port = await closedPort();
  const { provider, close } = adapterOf(`http://127.0.0.1:${port}`, { failures: 5 });
  onTestFinished(close);
  const messages = [];
  for (let call = 0; call < 6; call += 1) {
    const error = await provider.authorize(keptPayment(), "pm_card_visa").catch((thrown: Error) => thrown);
    expect(error).toMatchObject({ name: "Outage", notSent: true });
    messages.push((error as Error).message);
  }
  expect(messages.map((message) => message.includes("breaker"))).toEqual([
    false,
    false,
    false,
    false,
    false,
    true,
  ]);
});

test("declines do not open the breaker", async () => {
  const { provider, close } = adapterOf(simulator.url, { failures: 2 });
  onTestFinished(close);
  for (let call = 0; call < 6; call += 1) {
    const outcome = await provider.authorize(keptPayment(), "pm_card_chargeDeclined");
    expect(outcome).toMatchObject({ is: "done" });
  }
});

const nothingUseful: [string, RequestListener][] = [
  ["that is no JSON", (_, response) => response.end("<html>")],
  ["that is cut in the middle", (_, response) => cut(response)],
  ["that never ends", (_, response) => response.writeHead(200).write('{"id":')],
  ["that drips for ever", (_, response) => drip(response)],
  ["larger than any answer", (_, response) => response.end(`{"id":"${"x".repeat(5_000_000)}"}`)],
  ["with a failure that is no JSON", (_, response) => response.writeHead(502).end("bad gateway")],
];

test.each(nothingUseful)("an answer %s is none", async (_, listener) => {
  const { provider, close } = adapterOf(await serve(listener));
  onTestFinished(close);
  expect(await provider.authorize(keptPayment(), "pm_card_visa")).toEqual({ is: "unanswered" });
});

test.each([
  ["another amount", { amount: 1, currency: "usd" }],
  ["another currency", { amount: 1999, currency: "eur" }],
])("an answer about %s is not believed", async (_, other) => {
  const answer = { id: "pi_1", object: "payment_intent", status: "succeeded", amount_received: 1, ...other };
  const { provider, close } = adapterOf(
    await serve((_request, response) => response.end(JSON.stringify(answer))),
  );
  onTestFinished(close);
  await expect(provider.authorize(keptPayment(), "pm_card_visa")).rejects.toThrow("is not about payment");
});

test("no failure tells the token or the key", async () => {
  const message = "No such PaymentMethod: 'pm_card_canary' for sk_test_webstore";
  for (const status of [400, 401, 403, 404, 409, 429, 500, 502, 503]) {
    const body = JSON.stringify({
      error: { type: "invalid_request_error", message, payment_method: message },
    });
    const { provider, close } = adapterOf(await serve((_, response) => response.writeHead(status).end(body)));
    onTestFinished(close);
    const outcome = await provider.authorize(keptPayment(), "pm_card_canary").catch((error: Error) => ({
      ...error,
      message: error.message,
      stack: error.stack,
      cause: error.cause,
    }));
    expect(JSON.stringify(outcome)).not.toMatch(/canary|sk_test/);
  }
});

function cut(response: Parameters<RequestListener>[1]): void {
  response.writeHead(200, { "content-length": 1_000 });
  response.write('{"id":');
  setImmediate(() => response.destroy());
}

function drip(response: Parameters<RequestListener>[1]): void {
  response.writeHead(200);
  const timer = setInterval(() => response.write(" "), 20);
  response.on("close", () => clearInterval(timer));
}

async function serve(listener: RequestListener): Promise<string> {
  const server: Server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A port at which nobody listens. */
async function closedPort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
