// Delivers events to the webhook, signed as Stripe signs them, in the background.
//
// Invariants:
//   W1. A delivery is a row, written with its event and removed after a 2xx or after the last retry.
//       So every event arrives at least once if the receiver ever answers, also over restarts.
//       When a delivery is due is told by the virtual clock; the stamp in its signature is real time, because
//       receivers refuse what is older than a few minutes of theirs.
//   W2. At most `concurrencyMax` deliveries are under way, and each ends within `timeoutMs`.

import { createHmac } from "node:crypto";
import http from "node:http";
import https from "node:https";
import type { Clock } from "./clock.ts";
import type { Collection } from "./collection.ts";
import type { Database } from "./database.ts";
import type { ProviderEvent } from "./event.ts";
import type { WebhookAction } from "./scenario-actions.ts";
import type { Met } from "./scenarios.ts";

export type WebhookLimits = {
  readonly timeoutMs: number;
  readonly concurrencyMax: number;
  /** The wait before each retry; after the last one the delivery is given up. */
  readonly retryDelaysMs: readonly number[];
};

const second = 1_000;
const hour = 3_600 * second;
const defaults: WebhookLimits = {
  timeoutMs: 10 * second,
  concurrencyMax: 8,
  retryDelaysMs: [
    second,
    5 * second,
    30 * second,
    120 * second,
    600 * second,
    hour,
    6 * hour,
    24 * hour,
    24 * hour,
  ],
};
/** A timer is set again at least this often, so that no clock can hold a delivery back for long. */
const idleMaxMs = 60 * second;

export type Webhooks = {
  readonly enabled: boolean;
  /** Inside the transaction of its event. */
  schedule(eventId: string, paymentIntentId: string, met: Met<WebhookAction> | undefined): void;
  /** The clock has jumped. */
  wake(): void;
  /** How many deliveries have not arrived yet. */
  waiting(): number;
  stop(): void;
};

/** The value of `Stripe-Signature`. */
export function signatureOf(payload: string, secret: string, nowSeconds: number): string {
  const signature = createHmac("sha256", secret).update(`${nowSeconds}.${payload}`).digest("hex");
  return `t=${nowSeconds},v1=${signature}`;
}

/** Resolves to whether the receiver answered 2xx in time; a redirect is not followed. */
function post(
  url: URL,
  agent: http.Agent,
  body: string,
  signature: string,
  timeoutMs: number,
): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const send = url.protocol === "https:" ? https.request : http.request;
  const request = send(url, {
    method: "POST",
    agent,
    signal: AbortSignal.timeout(timeoutMs),
    headers: {
      "content-type": "application/json; charset=utf-8",
      "content-length": Buffer.byteLength(body),
      "stripe-signature": signature,
      "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
    },
  });
  request.on("error", () => resolve(false));
  request.on("response", (response) => {
    const status = response.statusCode ?? 0;
    response.on("error", () => resolve(false));
    response.on("end", () => resolve(status >= 200 && status < 300));
    response.resume();
  });
  request.end(body);
  return promise;
}

type Delivery = { seq: number; event: string; payment_intent: string; attempts: number };

function openDeliveries(database: Database) {
  const insert = database.prepare(
    "INSERT INTO deliveries (event, payment_intent, due_at_ms, attempts, overtaken_by_next) VALUES (?, ?, ?, 0, ?)",
  );
  const due = database.prepare(
    "SELECT * FROM deliveries WHERE due_at_ms <= ? ORDER BY due_at_ms, seq LIMIT ?",
  );
  const nextDue = database.prepare("SELECT min(due_at_ms) AS at FROM deliveries WHERE due_at_ms > ?");
  const remove = database.prepare("DELETE FROM deliveries WHERE seq = ?");
  const postpone = database.prepare("UPDATE deliveries SET attempts = ?, due_at_ms = ? WHERE seq = ?");
  const waiting = database.prepare(
    "SELECT 1 FROM deliveries WHERE overtaken_by_next = 1 AND payment_intent = ? LIMIT 1",
  );
  const release = database.prepare(`UPDATE deliveries SET due_at_ms = ?, overtaken_by_next = 0
    WHERE overtaken_by_next = 1 AND payment_intent = ? AND seq < ?`);
  return {
    add: (event: string, paymentIntent: string, dueAtMs: number, overtakenByNext: boolean) =>
      insert.run(event, paymentIntent, dueAtMs, overtakenByNext ? 1 : 0),
    due: (nowMs: number, countMax: number) => due.all(nowMs, countMax) as unknown as Delivery[],
    nextDueAtMs: (nowMs: number) => nextDue.get(nowMs)?.at as number | null | undefined,
    remove: (seq: number) => remove.run(seq),
    postpone: (seq: number, attempts: number, dueAtMs: number) => postpone.run(attempts, dueAtMs, seq),
    /** Whether an earlier event of this intent waits to be overtaken. */
    waits: (paymentIntent: string) => waiting.get(paymentIntent) !== undefined,
    /** Lets go what waited for this one to overtake it. */
    release: (is: Delivery, nowMs: number) => release.run(nowMs, is.payment_intent, is.seq),
  };
}

type Deliveries = ReturnType<typeof openDeliveries>;

function plan(
  deliveries: Deliveries,
  event: string,
  intent: string,
  nowMs: number,
  met: Met<WebhookAction> | undefined,
) {
  if (met?.action === "webhook_never") return;
  // The one that overtakes must not wait as well, or they would arrive in order again.
  const overtaken = met?.action === "webhook_out_of_order" && !deliveries.waits(intent);
  const dueAtMs = overtaken || met?.action === "webhook_late" ? nowMs + met.delayMs : nowMs;
  deliveries.add(event, intent, dueAtMs, overtaken);
  if (met?.action === "webhook_duplicate") deliveries.add(event, intent, dueAtMs, false);
}

const disabled: Webhooks = { enabled: false, schedule() {}, wake() {}, waiting: () => 0, stop() {} };

export function openWebhooks(is: {
  database: Database;
  events: Collection<ProviderEvent>;
  url: string;
  secret: string;
  nowMs: () => number;
  clock: Clock;
  limits: Partial<WebhookLimits>;
}): Webhooks {
  if (is.url === "") return disabled;
  const { nowMs, clock } = is;
  const { timeoutMs, concurrencyMax, retryDelaysMs } = { ...defaults, ...is.limits };
  const url = new URL(is.url);
  const agentOptions = { keepAlive: true, maxSockets: concurrencyMax };
  const agent = url.protocol === "https:" ? new https.Agent(agentOptions) : new http.Agent(agentOptions);
  const deliveries = openDeliveries(is.database);
  const underWay = new Set<number>();
  let timer: NodeJS.Timeout | undefined;
  let woken = false;
  let stopped = false;

  async function deliver(one: Delivery): Promise<void> {
    const payload = is.events.findText(one.event);
    const signature =
      payload === undefined ? "" : signatureOf(payload, is.secret, Math.floor(nowMs() / 1_000));
    const arrived = payload === undefined || (await post(url, agent, payload, signature, timeoutMs));
    if (stopped) return;
    const delay = retryDelaysMs[one.attempts];
    if (arrived || delay === undefined) deliveries.remove(one.seq);
    else deliveries.postpone(one.seq, one.attempts + 1, clock.nowMs() + delay);
    if (arrived) deliveries.release(one, clock.nowMs());
    underWay.delete(one.seq);
    wake();
  }

  function pump(): void {
    woken = false;
    if (stopped || underWay.size >= concurrencyMax) return;
    const now = clock.nowMs();
    // Those under way are due as well, so that many more are asked for.
    for (const one of deliveries.due(now, concurrencyMax + underWay.size)) {
      if (underWay.size >= concurrencyMax) return;
      if (underWay.has(one.seq)) continue;
      underWay.add(one.seq);
      deliver(one).catch((error: unknown) => {
        underWay.delete(one.seq);
        console.error("payment-provider: a delivery failed:", error);
      });
    }
    const next = deliveries.nextDueAtMs(now);
    clearTimeout(timer);
    if (next === null || next === undefined) return;
    timer = setTimeout(wake, Math.min(next - now, idleMaxMs));
    timer.unref();
  }

  // On the next turn of the event loop, when the transaction that asked for it is done.
  function wake(): void {
    if (woken || stopped) return;
    woken = true;
    setImmediate(pump);
  }

  const count = is.database.prepare("SELECT count(*) AS count FROM deliveries");
  wake();
  return {
    enabled: true,
    schedule(eventId, paymentIntentId, met) {
      plan(deliveries, eventId, paymentIntentId, clock.nowMs(), met);
      wake();
    },
    wake,
    waiting: () => Number(count.get()?.count),
    stop() {
      stopped = true;
      clearTimeout(timer);
      agent.destroy();
    },
  };
}
