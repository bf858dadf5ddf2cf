// Dead letters in memory, for the fake.

import type { AuditStore } from "./audit-store.ts";
import { type DeadLetter, type DeadLetterFilter, redrivesMax, type WholeDeadLetter } from "./dead-letter.ts";
import type { DeadLetterStore, Redrive } from "./dead-letter-store.ts";
import { isAfter, newestFirst } from "./position.ts";

type Kept = WholeDeadLetter & { readonly redriveId?: string };

export type MemoryDeadLetterStore = DeadLetterStore & {
  /** Takes what is scheduled for redriven. Gives the letters, the oldest first. */
  publishScheduled(): readonly WholeDeadLetter[];
};

export function memoryDeadLetterStore(audit: AuditStore): MemoryDeadLetterStore {
  const kept = new Map<string, Kept>();
  const matching = (filter: DeadLetterFilter) =>
    [...kept.values()]
      .filter((letter) => matches(letter, filter))
      .sort((a, b) => newestFirst(positionOf(a), positionOf(b)));
  const weigh = ({ filter, topics, lettersMax }: Pick<Redrive, "filter" | "topics" | "lettersMax">) => {
    const matched = matching(filter).reverse();
    const dead = matched.filter(({ status }) => status === "dead");
    const looping = dead.filter(({ redrives }) => redrives >= redrivesMax).length;
    const due = dead
      .filter(({ redrives, sourceTopic }) => redrives < redrivesMax && topics.includes(sourceTopic))
      .slice(0, lettersMax);
    return { due, counts: { matched: matched.length, scheduled: due.length, looping } };
  };

  return {
    async keep(letter) {
      if (!kept.has(letter.deadLetterId)) kept.set(letter.deadLetterId, letter);
    },
    async list(filter, { limit, after }) {
      return matching(filter)
        .filter((letter) => after === undefined || isAfter(positionOf(letter), after))
        .slice(0, limit)
        .map(withoutContent);
    },
    find: async (deadLetterId) => kept.get(deadLetterId),
    count: async (is) => weigh(is).counts,
    async redrive(is, entry) {
      const { redriveId } = is;
      const { due, counts } = weigh(is);
      const known = [...kept.values()].filter((letter) => letter.redriveId === redriveId).length;
      await audit.record(entry);
      if (known > 0) return { ...counts, scheduled: known };
      for (const letter of due) kept.set(letter.deadLetterId, { ...letter, status: "scheduled", redriveId });
      return counts;
    },
    publishScheduled() {
      const due = [...kept.values()]
        .filter(({ status }) => status === "scheduled")
        .sort((a, b) => newestFirst(positionOf(b), positionOf(a)));
      for (const letter of due) kept.set(letter.deadLetterId, { ...letter, status: "redriven" });
      return due;
    },
  };
}

const positionOf = ({ createTimeMs: atMs, deadLetterId: id }: DeadLetter) => ({ atMs, id });

function withoutContent({ value: _value, headers: _headers, ...letter }: Kept): DeadLetter {
  return letter;
}

function matches(letter: DeadLetter, filter: DeadLetterFilter): boolean {
  const { deadLetterIds, sourceTopic, eventName, errorContains, status } = filter;
  const { createdSinceMs = Number.NEGATIVE_INFINITY, createdBeforeMs = Number.POSITIVE_INFINITY } = filter;
  return (
    (deadLetterIds.length === 0 || deadLetterIds.includes(letter.deadLetterId)) &&
    (sourceTopic === "" || letter.sourceTopic === sourceTopic) &&
    (eventName === "" || letter.eventName === eventName) &&
    letter.errorReason.includes(errorContains) &&
    (status === undefined || letter.status === status) &&
    letter.createTimeMs >= createdSinceMs &&
    letter.createTimeMs < createdBeforeMs
  );
}
