// What is to go wrong, by script (admin API) or by magic token (payment-method.ts); scenario-actions.ts says what there
// is. A scenario waits for the requests or events that it matches and is used up after `times` of them.
//
// Invariants:
//   S1. One request meets at most one request scenario and each of its events at most one webhook
//       scenario: the oldest that matches. A script comes before the token's own.
//   S2. Scenarios survive a restart; one is used up by being met, whatever follows.

import { z } from "zod";
import type { Database } from "./database.ts";
import { findPaymentMethod } from "./payment-method.ts";
import {
  canMeet,
  defaultCloseAfterMs,
  defaultDelayMs,
  defaultDisputeDelayMs,
  type RequestAction,
  requestActions,
  type ScenarioOperation,
  scenarioOperations,
  type WebhookAction,
  webhookActions,
} from "./scenario-actions.ts";

const delayMaxMs = 366 * 86_400_000;
/** It holds a connection. */
const slowMaxMs = 3_600_000;
const scenariosMax = 10_000;

const name = z.string().min(1).max(500);
const delay = z.int().min(0).max(delayMaxMs);
const outcomes = {
  needs_action: ["succeeded", "failed"],
  dispute_later: ["won", "lost"],
} as const;

export const scenarioScript = z
  .strictObject({
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
    delay_ms: delay.optional(),
    outcome: z.enum([...outcomes.needs_action, ...outcomes.dispute_later]).optional(),
    close_after_ms: delay.optional(),
    times: z.int().min(1).max(1_000_000).default(1),
  })
  .superRefine((is, context) => {
    const refuse = (path: string, message: string) =>
      context.addIssue({ code: "custom", path: [path], message });
    const known: readonly string[] =
      is.do === "needs_action" || is.do === "dispute_later" ? outcomes[is.do] : [];
    if (is.outcome !== undefined && !known.includes(is.outcome)) {
      refuse("outcome", `${is.do} does not end in that way`);
    }
    if (is.close_after_ms !== undefined && is.do !== "dispute_later") {
      refuse("close_after_ms", "only for dispute_later");
    }
    if (is.do === "slow" && (is.delay_ms ?? 0) > slowMaxMs) refuse("delay_ms", "at most an hour");
  });
export type ScenarioScript = z.infer<typeof scenarioScript>;

/** What a request is about, as far as it is known. */
export type Subject = {
  readonly operation: ScenarioOperation | undefined;
  /** Whether it tries to move money. */
  readonly attempts: boolean;
  readonly orderId: string | undefined;
  readonly paymentIntent: string | undefined;
  readonly token: string | undefined;
};

export type Met<Action> = {
  readonly action: Action;
  readonly delayMs: number;
  readonly outcome: ScenarioScript["outcome"];
  readonly closeAfterMs: number;
};

export type Scenarios = {
  readonly waiting: boolean;
  /** Undefined when there are too many. */
  add(script: ScenarioScript): number | undefined;
  /** The first thousand that wait. */
  list(): readonly object[];
  meetRequest(subject: Subject): Met<RequestAction> | undefined;
  meetEvent(subject: Subject, event: string): Met<WebhookAction> | undefined;
  /** Nothing that waits goes wrong any more. */
  removeAll(): void;
};

const details = z.object({
  outcome: z.enum([...outcomes.needs_action, ...outcomes.dispute_later]).optional(),
  closeAfterMs: z.number().default(defaultCloseAfterMs),
});

function plainMet<Action>(action: Action): Met<Action> {
  return { action, delayMs: defaultDelayMs, outcome: undefined, closeAfterMs: defaultCloseAfterMs };
}

/** `isFirst` asks, and remembers that it was asked. */
function ofToken(subject: Subject, isFirst: (about: string) => boolean): Met<RequestAction> | undefined {
  const { token, operation, attempts } = subject;
  const trouble = token === undefined ? undefined : findPaymentMethod(token)?.trouble;
  if (trouble?.kind !== "request" || !attempts || operation === undefined) return undefined;
  if (!trouble.operations.includes(operation)) return undefined;
  const about = `${token} ${operation} ${subject.orderId ?? subject.paymentIntent ?? ""}`;
  return trouble.once && !isFirst(about) ? undefined : plainMet(trouble.action);
}

function eventOfToken({ token }: Subject): Met<WebhookAction> | undefined {
  const trouble = token === undefined ? undefined : findPaymentMethod(token)?.trouble;
  return trouble?.kind === "webhook" ? plainMet(trouble.action) : undefined;
}

/** Each of the three has its index, so that ten thousand scripts for other orders cost a request nothing. */
export const candidates = `SELECT seq, action, delay_ms, remaining, details FROM scenarios
  WHERE (order_id = ?1 OR payment_intent = ?2 OR (order_id IS NULL AND payment_intent IS NULL))
  AND (order_id IS NULL OR order_id = ?1) AND (payment_intent IS NULL OR payment_intent = ?2)
  AND (operation IS NULL OR operation = ?3) AND (token IS NULL OR token = ?4)`;

export function openScenarios(database: Database): Scenarios {
  const insert = database.prepare(`INSERT INTO scenarios
    (action, delay_ms, remaining, order_id, payment_intent, operation, token, event, details)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const list = database.prepare("SELECT * FROM scenarios ORDER BY seq LIMIT 1000");
  const forRequest = database.prepare(`${candidates} AND action NOT LIKE 'webhook%' ORDER BY seq`);
  const forEvent = database.prepare(
    `${candidates} AND action LIKE 'webhook%' AND (event IS NULL OR event = ?5) ORDER BY seq LIMIT 1`,
  );
  const use = database.prepare("UPDATE scenarios SET remaining = remaining - 1 WHERE seq = ?");
  const remove = database.prepare("DELETE FROM scenarios WHERE seq = ?");
  const removeAll = database.prepare("DELETE FROM scenarios");
  const note = database.prepare("INSERT OR IGNORE INTO once VALUES (?)");
  // Almost always 0, and then no request pays for the question.
  let count = Number(database.prepare("SELECT count(*) AS count FROM scenarios").get()?.count);

  type Row = ReturnType<typeof forRequest.get>;
  function meet<Action>(row: Row): Met<Action> | undefined {
    if (row === undefined) return undefined;
    if (Number(row.remaining) > 1) use.run(row.seq as number);
    else {
      remove.run(row.seq as number);
      count -= 1;
    }
    const { outcome, closeAfterMs } = details.parse(JSON.parse(String(row.details)));
    return { action: row.action as Action, delayMs: Number(row.delay_ms), outcome, closeAfterMs };
  }
  const keysOf = (is: Subject) => [
    is.orderId ?? null,
    is.paymentIntent ?? null,
    is.operation ?? null,
    is.token ?? null,
  ];
  const isFirst = (about: string) => note.run(about).changes === 1;

  return {
    get waiting() {
      return count > 0;
    },
    add({ match, do: action, delay_ms, outcome, close_after_ms, times }) {
      if (count >= scenariosMax) return undefined;
      const { order_id, payment_intent, operation, token, event } = match;
      const keys = [order_id, payment_intent, operation, token, event].map((key) => key ?? null);
      const delayMs = delay_ms ?? (action === "dispute_later" ? defaultDisputeDelayMs : defaultDelayMs);
      const more = JSON.stringify({ outcome, closeAfterMs: close_after_ms });
      const { lastInsertRowid } = insert.run(action, delayMs, times, ...keys, more);
      count += 1;
      return Number(lastInsertRowid);
    },
    list: () => list.all(),
    meetRequest(subject) {
      if (count > 0) {
        const rows = forRequest.all(...keysOf(subject));
        const row = rows.find(({ action }) => canMeet(action as RequestAction, subject));
        if (row !== undefined) return meet(row);
      }
      return ofToken(subject, isFirst);
    },
    meetEvent(subject, event) {
      const scripted = count === 0 ? undefined : meet<WebhookAction>(forEvent.get(...keysOf(subject), event));
      return scripted ?? eventOfToken(subject);
    },
    removeAll() {
      removeAll.run();
      count = 0;
    },
  };
}
