// Schedule dead letters to be published again, and write down who wanted it: one commit. The publishing follows at its
// rate (redriver.ts).
//
// Who repeats the call under the same idempotency key gets the same redrive; without a key it is another one, which
// finds that what the first scheduled is not dead any more.

import { invalidRequest, uuidOf } from "@webstore/kit";
import type { AuditEntry } from "./audit-entry.ts";
import type { DeadLetterFilter } from "./dead-letter.ts";
import type { DeadLetterStore, RedriveCounts } from "./dead-letter-store.ts";

export type RedriveParts = {
  readonly deadLetters: DeadLetterStore;
  /** Where letters may go back to: a letter names its source itself, and that may be anything. */
  readonly topics: readonly string[];
  readonly wakeRedriver: () => void;
  readonly nowMs: () => number;
  readonly newId: () => string;
};

export type RedriveRequest = {
  readonly filter: DeadLetterFilter;
  readonly dryRun: boolean;
  readonly ratePerSecond: number;
  readonly lettersMax: number;
  readonly reason: string;
  readonly actorId: string;
};

const ratePerSecondDefault = 10;
const lettersMaxDefault = 100;

export async function redriveDeadLetters(
  { deadLetters, topics, wakeRedriver, nowMs, newId }: RedriveParts,
  request: RedriveRequest,
  idempotencyKey: string | undefined,
): Promise<RedriveCounts> {
  const { filter, actorId } = request;
  const isNarrow = filter.deadLetterIds.length > 0 || filter.sourceTopic !== "" || filter.eventName !== "";
  if (!isNarrow) throw invalidRequest("filter", "must name dead letters, a topic or an event");
  const ratePerSecond = request.ratePerSecond || ratePerSecondDefault;
  const lettersMax = request.lettersMax || lettersMaxDefault;
  if (request.dryRun) return deadLetters.count({ filter, topics, lettersMax });

  const redriveId =
    idempotencyKey === undefined
      ? newId()
      : uuidOf("redrive", idempotencyKey, actorId, JSON.stringify(filter));
  const atMs = nowMs();
  const entry: AuditEntry = {
    auditEntryId: redriveId,
    actorId,
    action: "RedriveDeadLetters",
    subject: subjectOf(filter),
    detail: JSON.stringify({ ...toldOf(filter), ratePerSecond, lettersMax, reason: request.reason }),
    atMs,
  };
  const counts = await deadLetters.redrive(
    { redriveId, filter, topics, ratePerSecond, lettersMax, atMs },
    entry,
  );
  if (counts.scheduled > 0) wakeRedriver();
  return counts;
}

function subjectOf({ deadLetterIds, sourceTopic, eventName }: DeadLetterFilter): string {
  const [only = "", ...more] = deadLetterIds;
  return (more.length === 0 ? only : "") || sourceTopic || eventName;
}

/** The filters that were given. Of many ids only how many: the letters know by which redrive they went. */
function toldOf({ deadLetterIds, createdSinceMs, createdBeforeMs, ...texts }: DeadLetterFilter) {
  const given = Object.entries(texts).filter(([, text]) => text !== "" && text !== undefined);
  const time = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString());
  return {
    ...(deadLetterIds.length === 0 ? {} : { deadLetters: deadLetterIds.length }),
    ...Object.fromEntries(given),
    createdSince: time(createdSinceMs),
    createdBefore: time(createdBeforeMs),
  };
}
