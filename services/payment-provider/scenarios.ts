// What is to go wrong, by script (admin API) or by magic token (payment-method.ts). A scenario waits
// for the requests or events that it matches and is used up after `times` of them.
//
// Invariants:
//   S1. One request meets at most one request scenario and each of its events at most one webhook
//       scenario: the oldest that matches. A script comes before the token's own.
//   S2. Scenarios survive a restart; one is used up by being met, whatever follows.

import { z } from "zod";
import type { Database } from "./database.ts";
import { findPaymentMethod } from "./payment-method.ts";

export const scenarioOperations = [
  "create",
  "retrieve",
  "update",
  "confirm",
  "capture",
  "cancel",
  "refund",
] as const;
export type ScenarioOperation = (typeof scenarioOperations)[number];

const requestActions = ["decline", "needs_action", "processed_then_timeout", "slow", "drop"] as const;
const webhookActions = [
  "webhook_duplicate",
  "webhook_late",
  "webhook_never",
  "webhook_out_of_order",
] as const;
export type RequestAction = (typeof requestActions)[number];
export type WebhookAction = (typeof webhookActions)[number];

const delayMaxMs = 3_600_000;
const scenariosMax = 10_000;
const defaultDelayMs = 3_000;

const name = z.string().min(1).max(500);

export const scenarioScript = z.strictObject({
  match: z
    .strictObject({
      order_id: name,
      payment_intent: name,
      operation: z.enum(scenarioOperations),
      token: name,
      event: name,
    })
    .partial()
    .default({}),
  do: z.enum([...requestActions, ...webhookActions]),
  delay_ms: z.int().min(0).max(delayMaxMs).default(defaultDelayMs),
  times: z.int().min(1).max(1_000_000).default(1),
});
export type ScenarioScript = z.infer<typeof scenarioScript>;

/** What a request is about, as far as it is known. */
export type Subject = {
  readonly operation: ScenarioOperation | undefined;
  /** Whether it tries to take money: only that can be declined or need an action. */
  readonly attempts: boolean;
  readonly orderId: string | undefined;
  readonly paymentIntent: string | undefined;
  readonly token: string | undefined;
};

export type Met<Action> = { readonly action: Action; readonly delayMs: number };

export type Scenarios = {
  readonly waiting: boolean;
  /** Undefined when there are too many. */
  add(script: ScenarioScript): number | undefined;
  list(): readonly object[];
  meetRequest(subject: Subject): Met<RequestAction> | undefined;
  meetEvent(subject: Subject, event: string): Met<WebhookAction> | undefined;
  clear(): void;
};

const tokenActions: Readonly<Record<string, { action: RequestAction; operations: readonly string[] }>> = {
  processed_then_timeout: { action: "processed_then_timeout", operations: ["create", "confirm"] },
  slow: { action: "slow", operations: ["create", "confirm"] },
  drop: { action: "drop", operations: ["create", "confirm"] },
  capture_declined: { action: "decline", operations: ["capture"] },
  refund_refused: { action: "decline", operations: ["refund"] },
};

function ofToken({ token, operation, attempts }: Subject): Met<RequestAction> | undefined {
  const scenario = token === undefined ? undefined : findPaymentMethod(token)?.scenario;
  const is = scenario === undefined ? undefined : tokenActions[scenario];
  if (is === undefined || !attempts || !is.operations.includes(operation ?? "")) return undefined;
  return { action: is.action, delayMs: defaultDelayMs };
}

function eventOfToken({ token }: Subject): Met<WebhookAction> | undefined {
  const scenario = token === undefined ? undefined : findPaymentMethod(token)?.scenario;
  const action = webhookActions.find((one) => one === scenario);
  return action === undefined ? undefined : { action, delayMs: defaultDelayMs };
}

const matches = `(order_id IS NULL OR order_id = ?) AND (payment_intent IS NULL OR payment_intent = ?)
  AND (operation IS NULL OR operation = ?) AND (token IS NULL OR token = ?)`;

export function openScenarios(database: Database): Scenarios {
  const insert = database.prepare(`INSERT INTO scenarios
    (action, delay_ms, remaining, order_id, payment_intent, operation, token, event) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`);
  const list = database.prepare("SELECT * FROM scenarios ORDER BY seq LIMIT 1000");
  const meetRequest =
    database.prepare(`SELECT seq, action, delay_ms, remaining FROM scenarios WHERE ${matches}
    AND action NOT LIKE 'webhook%' AND (? OR action NOT IN ('decline', 'needs_action')) ORDER BY seq LIMIT 1`);
  const meetEvent = database.prepare(`SELECT seq, action, delay_ms, remaining FROM scenarios WHERE ${matches}
    AND action LIKE 'webhook%' AND (event IS NULL OR event = ?) ORDER BY seq LIMIT 1`);
  const use = database.prepare("UPDATE scenarios SET remaining = remaining - 1 WHERE seq = ?");
  const remove = database.prepare("DELETE FROM scenarios WHERE seq = ?");
  // Almost always 0, and then no request pays for the question.
  let count = Number(database.prepare("SELECT count(*) AS count FROM scenarios").get()?.count);

  type Row = ReturnType<typeof meetRequest.get>;
  function meet<Action>(row: Row): Met<Action> | undefined {
    if (row === undefined) return undefined;
    if (Number(row.remaining) > 1) use.run(row.seq as number);
    else {
      remove.run(row.seq as number);
      count -= 1;
    }
    return { action: row.action as Action, delayMs: Number(row.delay_ms) };
  }
  const keysOf = (is: Subject) => [
    is.orderId ?? null,
    is.paymentIntent ?? null,
    is.operation ?? null,
    is.token ?? null,
  ];

  return {
    get waiting() {
      return count > 0;
    },
    add({ match, do: action, delay_ms, times }) {
      if (count >= scenariosMax) return undefined;
      const { order_id, payment_intent, operation, token, event } = match;
      const keys = [order_id, payment_intent, operation, token, event].map((key) => key ?? null);
      const { lastInsertRowid } = insert.run(action, delay_ms, times, ...keys);
      count += 1;
      return Number(lastInsertRowid);
    },
    list: () => list.all(),
    meetRequest(subject) {
      const scripted =
        count === 0
          ? undefined
          : meet<RequestAction>(meetRequest.get(...keysOf(subject), subject.attempts ? 1 : 0));
      return scripted ?? ofToken(subject);
    },
    meetEvent(subject, event) {
      const scripted =
        count === 0 ? undefined : meet<WebhookAction>(meetEvent.get(...keysOf(subject), event));
      return scripted ?? eventOfToken(subject);
    },
    clear() {
      count = 0;
    },
  };
}
