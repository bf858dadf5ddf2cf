// What a simulator has and the real company has not: setting failures, scenarios and the clock, looking at the
// sums, starting over. It asks for no key; it is meant to be reached from this machine only, so a
// request that a web page made (it has an Origin) is refused.
//
//   GET  /admin/scenarios         those that wait, and everything that there is to script
//   POST /admin/scenarios         one more (scenario-actions.ts)       DELETE: none waits any more
//   GET  /admin/failures          the rates by country                 PUT: these rates from now on
//   GET  /admin/clock             the virtual clock (clock.ts)
//   PUT  /admin/clock             {advance_ms, keep_keys?}: what falls due meanwhile has happened when it is answered;
//                                 keep_keys spares the answers that are kept under idempotency keys
//   POST /admin/authentications   {payment_intent, outcome}: the shopper answers the bank, succeeded or failed
//   POST /admin/disputes          {payment_intent, delay_ms?, outcome?, close_after_ms?}: now, or then
//   POST /admin/disputes/close    {payment_intent, outcome}: won or lost
//   POST /admin/refunds/settle    {refund, outcome}: succeeded or failed, now
//   GET  /admin/payment_intents   sums per currency
//   GET  /admin/payments          ?limit&starting_after&order_id: how each payment stands, oldest first
//   GET  /admin/deliveries        how many webhooks have not arrived yet
//   POST /admin/reset             forgets everything

import { z } from "zod";
import { booksQuery, pageOfPayments, sumsOf } from "./admin-books.ts";
import { ApiError } from "./api-error.ts";
import { closeDispute, disputableAmount, openDispute } from "./charge-back.ts";
import { advanceMaxMs } from "./clock.ts";
import { carryOutDue } from "./comes-due.ts";
import { isOpen, responseMs } from "./dispute.ts";
import { failureRates } from "./failures.ts";
import { authenticate, failAuthentication } from "./pay.ts";
import { paymentMethodHelp } from "./payment-method.ts";
import { ownWork, type Provider, type Work } from "./provider.ts";
import { settleRefund } from "./refund-operations.ts";
import { requestHelp, scenarioOperations, webhookHelp } from "./scenario-actions.ts";
import { scenarioScript } from "./scenarios.ts";

export type AdminAnswer = { readonly status: number; readonly body: object };

/** How much of what fell due is carried out before a jump is answered; the rest follows in the background. */
const dueAtOnceMax = 2_000;

const id = z.string().min(1).max(255);
const milliseconds = z.int().min(0).max(advanceMaxMs);
const empty = z.strictObject({}).optional();
const authenticateRequest = z.strictObject({ payment_intent: id, outcome: z.enum(["succeeded", "failed"]) });
const settleRequest = z.strictObject({ refund: id, outcome: z.enum(["succeeded", "failed"]) });
const closeRequest = z.strictObject({ payment_intent: id, outcome: z.enum(["won", "lost"]) });
const clockRequest = z.strictObject({ advance_ms: milliseconds, keep_keys: z.boolean().default(false) });
const disputeRequest = z.strictObject({
  payment_intent: id,
  delay_ms: milliseconds.default(0),
  outcome: z.enum(["won", "lost"]).default("lost"),
  close_after_ms: milliseconds.default(responseMs),
});

const ok = (body: object): AdminAnswer => ({ status: 200, body });
const refuse = (status: number, reason: string, message: string): AdminAnswer => ({
  status,
  body: { reason, message },
});
const noIntent = refuse(404, "not_found", "There is no such payment intent.");

/** One change of our own. A declined card is an answer: what it left behind stands. */
function change<T>(provider: Provider, requestId: string, work: (own: Work) => T): T | undefined {
  try {
    return provider.database.transact(
      () => work(ownWork(provider, requestId, provider.clock.nowMs())),
      (thrown) => thrown instanceof ApiError,
    );
  } catch (error) {
    if (error instanceof ApiError) return undefined;
    throw error;
  }
}

/** What the bank's page and the admin API share: the shopper did, or did not, prove who they are. */
export function answerAction(
  provider: Provider,
  is: { intentId: string; outcome: "succeeded" | "failed"; requestId: string },
): "done" | "not_found" | "not_waiting" {
  const intent = provider.store.paymentIntents.find(is.intentId);
  if (intent === undefined) return "not_found";
  if (intent.status !== "requires_action") return "not_waiting";
  const answer = is.outcome === "succeeded" ? authenticate : failAuthentication;
  change(provider, is.requestId, (work) => answer(work, intent));
  return "done";
}

type AdminRequest = { readonly body: unknown; readonly query: string; readonly requestId: string };
type AdminRoute = (provider: Provider, request: AdminRequest) => AdminAnswer;

function reading<T>(
  schema: z.ZodType<T>,
  given: (request: AdminRequest) => unknown,
  then: (provider: Provider, is: T, requestId: string) => AdminAnswer,
): AdminRoute {
  return (provider, request) => {
    const read = schema.safeParse(given(request));
    if (read.success) return then(provider, read.data, request.requestId);
    const problems = read.error.issues
      .slice(0, 10)
      .map((issue) => `${issue.path.join(".")}: ${issue.message}`);
    return refuse(400, "invalid_request", problems.join("; "));
  };
}

function withBody<T>(
  schema: z.ZodType<T>,
  then: (provider: Provider, is: T, requestId: string) => AdminAnswer,
): AdminRoute {
  return reading(schema, ({ body }) => body, then);
}

const clockOf = ({ clock }: Provider) => ({
  now: new Date(clock.nowMs()).toISOString(),
  now_ms: clock.nowMs(),
  ahead_ms: clock.offsetMs,
});

const advance = withBody(clockRequest, (provider, { advance_ms: ms, keep_keys: keepKeys }) => {
  if (!provider.clock.advance({ ms, keepKeys })) {
    return refuse(409, "too_far", "The clock is a hundred years ahead already.");
  }
  carryOutDue(provider, dueAtOnceMax);
  provider.jumped();
  return ok({ ...clockOf(provider), still_due: provider.timers.countDue(provider.clock.nowMs()) });
});

const dispute = withBody(disputeRequest, (provider, is, requestId) => {
  const intent = provider.store.paymentIntents.find(is.payment_intent);
  if (intent === undefined) return noIntent;
  const charge = provider.store.charges.find(intent.latest_charge ?? "");
  if (charge === undefined || disputableAmount(charge) === 0) {
    const message = "Only a captured payment of which something is left can be disputed, and only once.";
    return refuse(409, "not_disputable", message);
  }
  const { delay_ms: delayMs, outcome, close_after_ms: closeAfterMs } = is;
  if (delayMs === 0) {
    const opened = change(provider, requestId, (work) =>
      openDispute(work, charge, { closeAfterMs, outcome }),
    );
    return ok(opened ?? {});
  }
  const dueAtMs = provider.clock.nowMs() + delayMs;
  const details = { closeAfterMs, outcome };
  provider.timers.set({ kind: "open_dispute", subject: charge.id, dueAtMs, details });
  return { status: 202, body: { charge: charge.id, due_at_ms: dueAtMs } };
});

const close = withBody(closeRequest, (provider, is, requestId) => {
  const intent = provider.store.paymentIntents.find(is.payment_intent);
  if (intent === undefined) return noIntent;
  const open = provider.store.disputes.newestOf(intent.latest_charge ?? "");
  if (open === undefined || !isOpen(open)) {
    return refuse(409, "not_disputed", "This payment has no open dispute.");
  }
  return ok(change(provider, requestId, (work) => closeDispute(work, open, is.outcome)) ?? {});
});

const settle = withBody(settleRequest, (provider, is, requestId) => {
  const refund = provider.store.refunds.find(is.refund);
  if (refund === undefined) return refuse(404, "not_found", "There is no such refund.");
  if (refund.status === "failed" || refund.status === is.outcome) {
    return refuse(409, "settled", `This refund is ${refund.status}.`);
  }
  change(provider, requestId, (work) => {
    provider.timers.clear("settle_refund", refund.id);
    settleRefund(work, refund, is.outcome);
  });
  return ok(provider.store.refunds.find(is.refund) ?? {});
});

const act = withBody(authenticateRequest, (provider, is, requestId) => {
  const done = answerAction(provider, { intentId: is.payment_intent, outcome: is.outcome, requestId });
  if (done === "done") return ok(provider.store.paymentIntents.find(is.payment_intent) ?? {});
  if (done === "not_found") return noIntent;
  return refuse(409, "not_waiting", "This payment intent does not wait for an action.");
});

const script = withBody(scenarioScript, ({ scenarios }, is) => {
  const added = scenarios.add(is);
  if (added === undefined) return refuse(409, "too_many_scenarios", "Too many scenarios are waiting.");
  return { status: 201, body: { id: added, ...is } };
});

const reset = withBody(empty, (provider) => {
  provider.database.reset();
  provider.failures.clear();
  provider.scenarios.removeAll();
  provider.clock.clear();
  return ok({ status: "reset" });
});

const routes = new Map<string, AdminRoute>([
  ["GET /admin/failures", ({ failures }) => ok(failures.rates)],
  [
    "PUT /admin/failures",
    withBody(failureRates, ({ failures }, rates) => {
      failures.set(rates);
      return ok(rates);
    }),
  ],
  [
    "GET /admin/scenarios",
    ({ scenarios }) =>
      ok({
        scenarios: scenarios.list(),
        operations: scenarioOperations,
        actions: requestHelp,
        webhook_actions: webhookHelp,
        tokens: paymentMethodHelp,
      }),
  ],
  ["POST /admin/scenarios", script],
  [
    "DELETE /admin/scenarios",
    ({ scenarios }) => {
      scenarios.removeAll();
      return ok({ scenarios: [] });
    },
  ],
  ["GET /admin/clock", (provider) => ok(clockOf(provider))],
  ["PUT /admin/clock", advance],
  ["GET /admin/payment_intents", (provider) => ok(sumsOf(provider))],
  [
    "GET /admin/payments",
    reading(
      booksQuery,
      ({ query }) => Object.fromEntries(new URLSearchParams(query)),
      (provider, is) => ok(pageOfPayments(provider, is)),
    ),
  ],
  ["GET /admin/deliveries", ({ webhooks }) => ok({ waiting: webhooks.waiting() })],
  ["POST /admin/authentications", act],
  ["POST /admin/disputes", dispute],
  ["POST /admin/disputes/close", close],
  ["POST /admin/refunds/settle", settle],
  ["POST /admin/reset", reset],
]);

export function answerAdmin(
  provider: Provider,
  request: {
    method: string;
    path: string;
    query: string;
    text: string;
    fromWebPage: boolean;
    requestId: string;
  },
): AdminAnswer {
  if (request.fromWebPage) return refuse(403, "cross_origin", "The admin API is not for web pages.");
  const route = routes.get(`${request.method} ${request.path}`);
  if (route === undefined) return refuse(404, "not_found", "The admin API has no such resource.");
  let body: unknown;
  try {
    body = request.text === "" ? undefined : JSON.parse(request.text);
  } catch {
    return refuse(400, "invalid_request", "The body is not valid JSON.");
  }
  return route(provider, { body, query: request.query, requestId: request.requestId });
}
