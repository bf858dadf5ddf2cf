// What can be made to go wrong, and what each of it means. `GET /admin/scenarios` answers with these texts.
//
// A script is posted to `/admin/scenarios`:
//
//   {"match": {"order_id": "…", "operation": "capture"}, "do": "slow", "delay_ms": 500, "times": 2}
//
// `match` may name order_id, payment_intent, operation, token and, for webhooks, event; what it leaves out matches
// everything. `outcome` and `close_after_ms` say how `needs_action` and `dispute_later` end. Times wait by the virtual
// clock (`PUT /admin/clock {"advance_ms": 86400000}`), except `slow`, which holds a connection in real time.

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

export const requestHelp = {
  decline:
    "The request that moves money is refused: create, confirm and capture as card_declined (402), refund as balance_insufficient (400). A refused capture lets go of what was held.",
  needs_action:
    "Confirming answers requires_action. With `outcome` (succeeded, failed) the shopper answers the bank `delay_ms` later; without it nobody does until POST /admin/authentications.",
  processed_then_timeout: "The request is carried out and never answered; its key gives the answer again.",
  processed_then_500:
    "The request is carried out and answered with 500, which its key gives again: only a look tells.",
  slow: "The request is carried out `delay_ms` later, whether or not the caller still waits; its key is in use meanwhile.",
  drop: "The connection is cut and nothing is done.",
  dispute_later:
    "The captured payment is disputed `delay_ms` after its capture; closed as `outcome` (won, lost) `close_after_ms` later, or lost when nobody answers for 7 days.",
  refund_pending_then_succeeded: "The refund is pending, and succeeds `delay_ms` later.",
  refund_pending_then_failed: "The refund is pending, and fails `delay_ms` later: the money is ours again.",
  refund_succeeded_then_failed: "The refund succeeds, and comes back `delay_ms` later as failed.",
} as const;

export const webhookHelp = {
  webhook_duplicate: "The event is delivered twice.",
  webhook_late: "The event is delivered `delay_ms` later.",
  webhook_never: "The event is never delivered; GET /v1/events has it.",
  webhook_out_of_order:
    "The event waits until the next one of its payment has been delivered, at most `delay_ms`.",
} as const;

export type RequestAction = keyof typeof requestHelp;
export type WebhookAction = keyof typeof webhookHelp;

export const requestActions = Object.keys(requestHelp) as RequestAction[];
export const webhookActions = Object.keys(webhookHelp) as WebhookAction[];

const dayMs = 86_400_000;
export const defaultDelayMs = 3_000;
export const defaultDisputeDelayMs = dayMs;
export const defaultCloseAfterMs = dayMs;

/** Those that need something to act on; the others can meet every request. */
const attemptsOf: Partial<Record<RequestAction, readonly ScenarioOperation[]>> = {
  decline: ["create", "confirm", "capture", "refund"],
  needs_action: ["create", "confirm"],
  dispute_later: ["capture"],
  refund_pending_then_succeeded: ["refund"],
  refund_pending_then_failed: ["refund"],
  refund_succeeded_then_failed: ["refund"],
};

/** `attempts`: whether the request tries to move money. */
export function canMeet(
  action: RequestAction,
  is: { operation: ScenarioOperation | undefined; attempts: boolean },
): boolean {
  const operations = attemptsOf[action];
  if (operations === undefined) return true;
  return is.attempts && is.operation !== undefined && operations.includes(is.operation);
}
