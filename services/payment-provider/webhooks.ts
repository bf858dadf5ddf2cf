// Delivers events to the webhook, signed as Stripe signs them, in the background.
//
// Invariants:
//   W1. A delivery is a row, written with its event and removed some time after a 2xx or after the last retry.
//       So every event arrives at least once if the receiver ever answers, also over restarts; after a kill,
//       or a transaction that was undone, those arrive once more whose rows were about to be removed.
//       When a delivery is due is told by the virtual clock; the stamp in its signature is real time, because
//       receivers refuse what is older than a few minutes of theirs.
//   W2. At most `concurrencyMax` deliveries are under way, and each ends within `timeoutMs`.

import { createHmac } from "node:crypto";
import { Pool } from "undici";
import type { Clock } from "./clock.ts";
import type { Collection } from "./collection.ts";
import type { Database } from "./database.ts";
import { type Deliveries, type Delivery, openDeliveries } from "./deliveries.ts";
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

export type EventToSend = {
  readonly id: string;
  readonly paymentIntent: string;
  /** Its JSON as it is stored. */
  readonly payload: string;
};

export type Webhooks = {
  readonly enabled: boolean;
  /** Inside the transaction of its event. */
  schedule(event: EventToSend, met: Met<WebhookAction> | undefined): void;
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
  pool: Pool,
  path: string,
  body: string,
  signature: string,
  timeoutMs: number,
): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  let status = 0;
  let giveUp: (() => void) | undefined;
  let isLate = false;
  // Not AbortSignal.timeout: it fires, and makes an error, also long after the answer.
  const timer = setTimeout(() => {
    isLate = true;
    giveUp?.();
    resolve(false);
  }, timeoutMs);
  const end = (arrived: boolean) => {
    clearTimeout(timer);
    resolve(arrived);
  };
  const headers = {
    "content-type": "application/json; charset=utf-8",
    "stripe-signature": signature,
    "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
  };
  pool.dispatch(
    { method: "POST", path, headers, body },
    {
      onRequestStart(controller) {
        giveUp = () => controller.abort(new Error("no answer in time"));
        if (isLate) giveUp();
      },
      onResponseStart(_controller, statusCode) {
        status = statusCode;
      },
      onResponseData() {},
      onResponseEnd: () => end(status >= 200 && status < 300),
      onResponseError: () => end(false),
    },
  );
  return promise;
}

function plan(
  deliveries: Deliveries,
  { id: event, paymentIntent, payload }: EventToSend,
  nowMs: number,
  met: Met<WebhookAction> | undefined,
) {
  if (met?.action === "webhook_never") return;
  // The one that overtakes must not wait as well, or they would arrive in order again.
  const isOvertakenByNext = met?.action === "webhook_out_of_order" && !deliveries.waits(paymentIntent);
  const dueAtMs = isOvertakenByNext || met?.action === "webhook_late" ? nowMs + met.delayMs : nowMs;
  const one = { event, paymentIntent, payload, dueAtMs };
  deliveries.add({ ...one, isOvertakenByNext }, nowMs);
  if (met?.action === "webhook_duplicate") deliveries.add({ ...one, isOvertakenByNext: false }, nowMs);
}

const disabled: Webhooks = {
  enabled: false,
  schedule() {},
  wake() {},
  waiting: () => 0,
  stop() {},
};

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
  const { origin, pathname, search } = new URL(is.url);
  const path = `${pathname}${search}`;
  const pool = new Pool(origin, { connections: concurrencyMax, headersTimeout: 0, bodyTimeout: 0 });
  const deliveries = openDeliveries(is.database);
  let underWay = 0;
  let timer: NodeJS.Timeout | undefined;
  let timerAtMs = Number.POSITIVE_INFINITY;
  let woken = false;
  let stopped = false;

  async function deliver(one: Delivery): Promise<void> {
    const payload = one.payload ?? is.events.findText(one.event);
    const signature =
      payload === undefined ? "" : signatureOf(payload, is.secret, Math.floor(nowMs() / 1_000));
    const arrived = payload === undefined || (await post(pool, path, payload, signature, timeoutMs));
    if (stopped) return;
    const delay = retryDelaysMs[one.attempts];
    if (arrived || delay === undefined) deliveries.remove(one);
    else deliveries.postpone(one, clock.nowMs() + delay);
    if (arrived) deliveries.release(one, clock.nowMs());
  }

  function pump(): void {
    woken = false;
    while (!stopped && underWay < concurrencyMax) {
      const one = deliveries.take(clock.nowMs());
      if (one === undefined) break;
      underWay += 1;
      deliver(one)
        .catch((error: unknown) => {
          console.error("payment-provider: a delivery failed:", error);
          deliveries.giveBack(one, clock.nowMs() + second);
        })
        .finally(() => {
          underWay -= 1;
          wake();
        });
    }
    if (!stopped && deliveries.nextAtMs() !== timerAtMs) setTimer(deliveries.nextAtMs());
  }

  function setTimer(atMs: number): void {
    clearTimeout(timer);
    timerAtMs = atMs;
    if (atMs === Number.POSITIVE_INFINITY) return;
    timer = setTimeout(readAgain, Math.min(Math.max(0, atMs - clock.nowMs()), idleMaxMs));
    timer.unref();
  }

  function readAgain(): void {
    timerAtMs = Number.POSITIVE_INFINITY;
    deliveries.readAgain();
    wake();
  }

  // On the next turn of the event loop, when the transaction that asked for it is done.
  function wake(): void {
    if (woken || stopped) return;
    woken = true;
    setImmediate(pump);
  }

  wake();
  return {
    enabled: true,
    schedule(event, met) {
      plan(deliveries, event, clock.nowMs(), met);
      wake();
    },
    wake: readAgain,
    waiting: deliveries.count,
    stop() {
      stopped = true;
      clearTimeout(timer);
      void pool.destroy();
    },
  };
}
