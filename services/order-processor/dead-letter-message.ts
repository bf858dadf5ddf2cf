// Dead letters and audit entries as the contract shows them, and its filters as ours.

import { invalidRequest } from "@webstore/kit";
import type {
  AuditEntry as AuditEntryMessage,
  DeadLetterFilter as DeadLetterFilterMessage,
  DeadLetter as DeadLetterMessage,
  DeadLetterStatus as DeadLetterStatusMessage,
} from "@webstore/proto/processing/v1";
import type { AuditEntry } from "./audit-entry.ts";
import {
  type DeadLetter,
  type DeadLetterFilter,
  type DeadLetterStatus,
  deadLetterStatuses,
  keyTextOf,
} from "./dead-letter.ts";

/** The last time that has four digits for its year, as a timestamp may. */
const timeMsMax = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

export function deadLetterMessageOf(letter: DeadLetter): DeadLetterMessage {
  const { deadLetterId, sourceTopic, sourcePartition, sourceOffset, eventName, key } = letter;
  const { correlationId, consumerGroup, errorReason, attempts, redrives, status, createTimeMs } = letter;
  return {
    deadLetterId,
    sourceTopic,
    sourcePartition,
    sourceOffset,
    eventName,
    keyText: keyTextOf(key),
    correlationId,
    consumerGroup,
    errorReason,
    attempts,
    redrives,
    status: statusMessageOf(status),
    createTime: new Date(createTimeMs),
  };
}

export function auditMessageOf({ atMs, ...entry }: AuditEntry): AuditEntryMessage {
  return { ...entry, at: new Date(atMs) };
}

/** A filter that is not given is one that everything matches. */
export function filterOf(filter: DeadLetterFilterMessage | undefined): DeadLetterFilter {
  const { deadLetterIds = [], sourceTopic = "", eventName = "", errorContains = "" } = filter ?? {};
  return {
    deadLetterIds,
    sourceTopic,
    eventName,
    errorContains,
    status: deadLetterStatuses.find((status) => statusMessageOf(status) === filter?.status),
    createdSinceMs: timeMsOf("filter.created_since", filter?.createdSince),
    createdBeforeMs: timeMsOf("filter.created_before", filter?.createdBefore),
  };
}

function statusMessageOf(status: DeadLetterStatus): DeadLetterStatusMessage {
  return `DEAD_LETTER_STATUS_${status.toUpperCase()}` as DeadLetterStatusMessage;
}

function timeMsOf(field: string, time: Date | undefined): number | undefined {
  if (time === undefined) return undefined;
  const timeMs = time.getTime();
  if (timeMs < 0 || timeMs > timeMsMax) throw invalidRequest(field, "must be in the years 1970 to 9999");
  return timeMs;
}
