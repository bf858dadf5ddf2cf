// What a simulator has and the real company has not: setting failures and scenarios, looking at the
// sums, starting over. It asks for no key; it is meant to be reached from this machine only, so a
// request that a web page made (it has an Origin) is refused.

import { z } from "zod";
import { failureRates } from "./failures.ts";
import { authenticate, failAuthentication, openDispute } from "./pay.ts";
import type { Provider, Work } from "./provider.ts";
import { scenarioScript } from "./scenarios.ts";

export type AdminAnswer = { readonly status: number; readonly body: object };

const empty = z.strictObject({}).optional();
const disputeRequest = z.strictObject({ payment_intent: z.string().min(1).max(255) });
const authenticateRequest = z.strictObject({
  payment_intent: z.string().min(1).max(255),
  outcome: z.enum(["succeeded", "failed"]),
});

const ok = (body: object): AdminAnswer => ({ status: 200, body });
const refuse = (status: number, reason: string, message: string): AdminAnswer => ({
  status,
  body: { reason, message },
});

function adminWork(provider: Provider, requestId: string): Work {
  const nowSeconds = Math.floor(provider.nowMs() / 1_000);
  const { store } = provider;
  const none = { operation: undefined, idempotencyKey: undefined, forced: undefined };
  return { provider, store, nowSeconds, requestId, ...none };
}

/** What the bank's page and the admin API share: the shopper did, or did not, prove who they are. */
export function answerAction(
  provider: Provider,
  is: { intentId: string; outcome: "succeeded" | "failed"; requestId: string },
): "done" | "not_found" | "not_waiting" {
  const work = adminWork(provider, is.requestId);
  const intent = provider.store.paymentIntents.find(is.intentId);
  if (intent === undefined) return "not_found";
  if (intent.status !== "requires_action") return "not_waiting";
  const answer = is.outcome === "succeeded" ? authenticate : failAuthentication;
  provider.database.transact(
    () => answer(work, intent),
    () => false,
  );
  return "done";
}

function sums(provider: Provider): AdminAnswer {
  const rows = provider.database
    .prepare(`SELECT body ->> '$.currency' AS currency, body ->> '$.status' AS status, count(*) AS count,
        sum(body ->> '$.amount_capturable') AS capturable, sum(body ->> '$.amount_received') AS captured
      FROM payment_intents GROUP BY 1, 2 ORDER BY 1, 2`)
    .all();
  const refunds = provider.database
    .prepare(
      "SELECT body ->> '$.currency' AS currency, sum(body ->> '$.amount') AS refunded FROM refunds GROUP BY 1",
    )
    .all();
  const byStatus: Record<string, number> = {};
  const totals: Record<string, { authorized: number; captured: number; refunded: number }> = {};
  for (const row of rows) {
    const [currency, status] = [String(row.currency), String(row.status)];
    byStatus[status] = (byStatus[status] ?? 0) + Number(row.count);
    totals[currency] ??= { authorized: 0, captured: 0, refunded: 0 };
    totals[currency].authorized += Number(row.capturable);
    totals[currency].captured += Number(row.captured);
  }
  for (const row of refunds) {
    const total = totals[String(row.currency)];
    if (total !== undefined) total.refunded = Number(row.refunded);
  }
  const count = Object.values(byStatus).reduce((sum, one) => sum + one, 0);
  return ok({ count, by_status: byStatus, totals });
}

function dispute(provider: Provider, intentId: string, requestId: string): AdminAnswer {
  const intent = provider.store.paymentIntents.find(intentId);
  const charge = provider.store.charges.find(intent?.latest_charge ?? "");
  if (intent === undefined) return refuse(404, "not_found", "There is no such payment intent.");
  if (charge === undefined || !charge.captured || charge.disputed) {
    return refuse(409, "not_disputable", "Only a captured payment can be disputed, and only once.");
  }
  const work = adminWork(provider, requestId);
  return ok(
    provider.database.transact(
      () => openDispute(work, intent, charge),
      () => false,
    ),
  );
}

function reset(provider: Provider): AdminAnswer {
  provider.database.reset();
  provider.failures.clear();
  provider.scenarios.clear();
  return ok({ status: "reset" });
}

function act(provider: Provider, is: z.infer<typeof authenticateRequest>, requestId: string): AdminAnswer {
  const done = answerAction(provider, { intentId: is.payment_intent, outcome: is.outcome, requestId });
  if (done === "done") return ok(provider.store.paymentIntents.find(is.payment_intent) ?? {});
  if (done === "not_found") return refuse(404, "not_found", "There is no such payment intent.");
  return refuse(409, "not_waiting", "This payment intent does not wait for an action.");
}

type AdminRoute = (provider: Provider, body: unknown, requestId: string) => AdminAnswer;

function withBody<T>(
  schema: z.ZodType<T>,
  then: (provider: Provider, is: T, requestId: string) => AdminAnswer,
): AdminRoute {
  return (provider, body, requestId) => {
    const read = schema.safeParse(body);
    if (read.success) return then(provider, read.data, requestId);
    const problems = read.error.issues
      .slice(0, 10)
      .map((issue) => `${issue.path.join(".")}: ${issue.message}`);
    return refuse(400, "invalid_request", problems.join("; "));
  };
}

const routes = new Map<string, AdminRoute>([
  ["GET /admin/failures", ({ failures }) => ok(failures.rates)],
  [
    "PUT /admin/failures",
    withBody(failureRates, ({ failures }, rates) => {
      failures.set(rates);
      return ok(rates);
    }),
  ],
  ["GET /admin/scenarios", ({ scenarios }) => ok({ scenarios: scenarios.list() })],
  [
    "POST /admin/scenarios",
    withBody(scenarioScript, ({ scenarios }, script) => {
      const id = scenarios.add(script);
      if (id === undefined) return refuse(409, "too_many_scenarios", "Too many scenarios are waiting.");
      return { status: 201, body: { id, ...script } };
    }),
  ],
  ["GET /admin/payment_intents", sums],
  ["POST /admin/authentications", withBody(authenticateRequest, act)],
  [
    "POST /admin/disputes",
    withBody(disputeRequest, (provider, is, id) => dispute(provider, is.payment_intent, id)),
  ],
  ["POST /admin/reset", withBody(empty, reset)],
]);

export function answerAdmin(
  provider: Provider,
  request: { method: string; path: string; text: string; fromWebPage: boolean; requestId: string },
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
  return route(provider, body, request.requestId);
}
