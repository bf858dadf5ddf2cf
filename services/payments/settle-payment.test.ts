// All of it together, at random: several processes are asked for anything about one order, in any interleaving, while
// they are killed before and after each step, commits and answers are lost and the provider is away. Then somebody
// repeats what a caller would repeat, and the books must agree.

import { randomUUID } from "node:crypto";
import { Outage } from "@webstore/kit";
import type { VoidPaymentResponse } from "@webstore/proto/payments/v1";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { PaymentStore } from "./payment-store.ts";
import type { Provider } from "./provider.ts";
import { byOrder, invoice } from "./testing.ts";
import { never, type PaymentsProcess, reasonOf, type Shop, shop } from "./testing-shop.ts";

type Ask = "create" | "capture" | "void" | "refund" | "refund again" | "refund all" | "resolve";
/** What goes wrong at the step `at` of one call; a step is one call of the store or the provider. */
type Injury = { at: number; kind: "killed before" | "killed after" | "answer lost" | "not sent" };
type Command = { ask: Ask; injury: Injury | undefined };

const commandOf = (...asks: Ask[]) =>
  fc.record<Command>({
    ask: fc.constantFrom(...asks),
    injury: fc.option(
      fc.record({
        at: fc.integer({ min: 1, max: 5 }),
        kind: fc.constantFrom("killed before", "killed after", "answer lost", "not sent"),
      }),
      { nil: undefined, freq: 2 },
    ),
  });
const round = (command: fc.Arbitrary<Command>) => fc.array(command, { minLength: 1, maxLength: 3 });
/** Commands that run at once, round by round. The beginning is dense, for there a payment is in most danger. */
const rounds = fc
  .tuple(
    round(commandOf("create", "create", "void", "resolve")),
    fc.array(round(commandOf("create", "void", "capture", "resolve")), { maxLength: 3 }),
    fc.array(
      round(commandOf("create", "capture", "void", "refund", "refund again", "refund all", "resolve")),
      { maxLength: 4 },
    ),
  )
  .map(([first, early, late]) => [first, ...early, ...late]);

const refundId = randomUUID();
const usd = (amountMinor: bigint) => ({ amountMinor, currency: "USD" });

function send(
  service: PaymentsProcess,
  asked: ReturnType<typeof invoice>,
  ask: Exclude<Ask, "resolve">,
): Promise<unknown> {
  const which = byOrder(asked.orderId);
  const refund = { ...which, reason: "", amount: usd(7_00n) };
  if (ask === "create") return service.createPayment(asked);
  if (ask === "capture") return service.capturePayment(which);
  if (ask === "void") return service.voidPayment(which);
  if (ask === "refund") return service.processRefund({ ...refund, refundId });
  const amount = ask === "refund all" ? undefined : refund.amount;
  return service.processRefund({ ...refund, amount, refundId: randomUUID() });
}

/**
 * A process of its own for one command, hurt where the command says. Resolves when it is done or dead; to
 * true if it said that the payment is voided.
 */
function run(
  at: Shop,
  asked: ReturnType<typeof invoice>,
  { ask, injury }: Command,
  s: fc.Scheduler,
): Promise<unknown> {
  let steps = 0;
  let die = () => {};
  const dead = new Promise<void>((resolve) => {
    die = resolve;
  });
  const hurt = <T extends object>(parts: T, isProvider: boolean): T =>
    Object.fromEntries(
      Object.entries(parts).map(([name, work]) => [
        name,
        async (...given: unknown[]) => {
          await s.schedule(Promise.resolve(), name);
          steps += 1;
          const kind = injury !== undefined && steps === injury.at ? injury.kind : undefined;
          const kill = () => {
            die();
            return never();
          };
          if (kind === "killed before") return kill();
          if (kind === "not sent") throw new Outage(name, "not sent", { notSent: true });
          const result = await work(...given);
          if (kind === "killed after") return kill();
          if (kind !== "answer lost") return result;
          if (!isProvider) throw new Outage(name, "the answer of the store is lost");
          return name === "closeAuthorization" ? "unanswered" : { is: "unanswered" };
        },
      ]),
    ) as T;
  const how = {
    store: hurt<PaymentStore>(at.store, false),
    provider: hurt<Provider>(providerOf(at), true),
  };
  const work = ask === "resolve" ? at.resolve(how) : send(at.process(how), asked, ask);
  const saysVoided = work.then(
    (answer) => ask === "void" && isVoided(answer as VoidPaymentResponse),
    () => false,
  );
  return Promise.race([saysVoided, dead]);
}

const isVoided = ({ payment }: VoidPaymentResponse): boolean =>
  payment === undefined || payment.status === "PAYMENT_STATUS_VOIDED";

function providerOf({ provider }: Shop): Provider {
  const { authorize, capture, cancel, refund, retrieve, find, returns, closeAuthorization } = provider;
  const { paymentIdOf, events, list } = provider;
  return {
    authorize,
    capture,
    cancel,
    refund,
    retrieve,
    find,
    returns,
    closeAuthorization,
    paymentIdOf,
    events,
    list,
  };
}

/** What a caller does who wants to know how it ended: repeat what was begun, without anything going wrong. */
async function settleAll(at: Shop, asked: ReturnType<typeof invoice>, undo: boolean) {
  const service = at.process();
  const which = byOrder(asked.orderId);
  const created = await reasonOf(service.createPayment(asked));
  if (undo || created === "payment_voided") await reasonOf(service.voidPayment(which));
  else await reasonOf(service.capturePayment(which));
  const { payment, refunds } = await service
    .getPayment(which)
    .catch(() => ({ payment: undefined, refunds: [] }));
  for (const { refundId: id, settled } of refunds) {
    if (!settled) await service.processRefund({ ...which, amount: undefined, refundId: id, reason: "" });
  }
  if (undo) {
    await reasonOf(
      service.processRefund({ ...which, amount: undefined, refundId: randomUUID(), reason: "" }),
    );
  }
  if (payment === undefined) return undefined;
  return (await service.getPayment(which)).payment;
}

test("whatever is asked at once and goes wrong, the books agree when it is repeated", async () => {
  await fc.assert(
    fc.asyncProperty(rounds, fc.boolean(), fc.scheduler(), async (plan, undo, s) => {
      const at = shop();
      const asked = invoice();
      let saidVoided = false;
      for (const commands of plan) {
        at.passMs(6_000);
        const said = await s.waitFor(Promise.all(commands.map((each) => run(at, asked, each, s))));
        saidVoided ||= said.includes(true);
        // Nobody comes back to a payment of which this was said.
        if (saidVoided) expect(at.provider.standing().heldMinor).toBe(0n);
      }
      const payment = await settleAll(at, asked, undo);

      const capturedMinor = payment?.capturedMinor ?? 0n;
      const refundedMinor = payment?.refundedMinor ?? 0n;
      expect(at.provider.standing()).toEqual({ heldMinor: 0n, takenMinor: capturedMinor - refundedMinor });
      if (undo) expect(capturedMinor).toBe(refundedMinor);
      expect(payment?.status).not.toBe("PAYMENT_STATUS_UNKNOWN");
      expect(at.provider.authorizations()).toBeLessThanOrEqual(1);
      expect(told(at, "PaymentDone")).toBe(capturedMinor);
      expect(told(at, "PaymentRefunded")).toBe(refundedMinor);
    }),
    { numRuns: Number(process.env.PAYMENTS_PROPERTY_RUNS ?? 3_000) },
  );
});

/** What a killed process had the provider do with held money is repeated by its caller, or told by the provider. */
async function tellOfEnds(at: Shop) {
  const range = { createdSinceMs: undefined, createdBeforeMs: undefined, after: undefined, limit: 10 };
  const page = await at.provider.list(range);
  for (const { reference, paymentId, status } of page.is === "done" ? page.payments : []) {
    const type = status === "canceled" ? "payment_intent.canceled" : "payment_intent.succeeded";
    if (status !== "succeeded" && status !== "canceled") continue;
    await at.tell({
      eventId: `evt_${reference}`,
      type,
      paymentReference: reference,
      paymentId,
      createTimeMs: at.nowMs(),
    });
  }
}

test("whatever is asked at once and goes wrong, the resolver and the events alone make the books agree", async () => {
  await fc.assert(
    fc.asyncProperty(rounds, fc.scheduler(), async (plan, s) => {
      const at = shop();
      const asked = invoice();
      for (const commands of plan) {
        at.passMs(6_000);
        await s.waitFor(Promise.all(commands.map((each) => run(at, asked, each, s))));
      }
      for (let ask = 0; ask < 20; ask += 1) {
        at.passMs(90_000);
        await tellOfEnds(at);
        await at.apply();
        await at.resolve();
      }
      const payment = await at.store.find({ orderId: asked.orderId });
      if (payment === undefined || payment === "marked") {
        expect(at.provider.standing()).toEqual({ heldMinor: 0n, takenMinor: 0n });
        return;
      }
      expect(payment.resolution).toBeUndefined();
      expect(at.provider.standing()).toEqual({
        heldMinor: payment.status === "authorized" ? payment.amountMinor : 0n,
        takenMinor: payment.capturedMinor - payment.refundedMinor,
      });
      expect(at.provider.authorizations()).toBeLessThanOrEqual(1);
      expect(told(at, "PaymentDone")).toBe(payment.capturedMinor);
      expect(told(at, "PaymentRefunded")).toBe(payment.refundedMinor);
    }),
    { numRuns: Number(process.env.PAYMENTS_PROPERTY_RUNS ?? 2_000) },
  );
});

function told({ store }: Shop, name: string): bigint {
  const amounts = store.published.filter((event) => event.name === name).map(({ data }) => data.amount);
  return amounts.reduce((sum, amount) => sum + BigInt(amount.replace(".", "")), 0n);
}
