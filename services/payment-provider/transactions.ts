// Transactions, and what is put off to the next one.
//
// Invariants:
//   N1. What is put off is done by the transaction that comes next, before its own work, or after `laterMs` by one of its
//       own: never before what it follows from stands, and not at all when the process is killed first.
//   N2. When rows are lost, because a transaction was undone or they were forgotten, whoever remembers rows is told.

import type { DatabaseSync } from "node:sqlite";

const laterMs = 100;

export type Transactions = {
  /** All or nothing, unless `keeps` says of what was thrown that the changes stand. */
  transact<T>(work: () => T, keeps: (thrown: unknown) => boolean): T;
  /** Puts off what costs less together with something else, and may as well happen never; see N1. */
  later(work: () => void): void;
  /** Does now what was put off; what cannot be done stays so. */
  settle(): void;
  /** `listener` hears that rows are lost. */
  onLost(listener: () => void): void;
  lost(): void;
};

type Outcome<T> = { readonly value: T } | { readonly thrown: unknown };

function outcomeOf<T>(work: () => T, keeps: (thrown: unknown) => boolean): Outcome<T> {
  try {
    return { value: work() };
  } catch (thrown) {
    if (keeps(thrown)) return { thrown };
    throw thrown;
  }
}

/** `finish` writes what every transaction ends with. */
export function openTransactions(sqlite: DatabaseSync, finish: () => void): Transactions {
  const begin = sqlite.prepare("BEGIN");
  const commit = sqlite.prepare("COMMIT");
  const rollback = sqlite.prepare("ROLLBACK");
  const listeners: (() => void)[] = [];
  let putOff: (() => void)[] = [];
  let putOffByRunning: (() => void)[] = [];
  let isTimerSet = false;

  function lost(): void {
    for (const listener of listeners) listener();
  }

  function undo(): void {
    // SQLite itself has already rolled back after some failures, such as a full disk.
    if (sqlite.isTransaction) rollback.run();
    putOffByRunning = [];
    lost();
  }

  function transact<T>(work: () => T, keeps: (thrown: unknown) => boolean): T {
    begin.run();
    let outcome: Outcome<T>;
    try {
      for (const one of putOff) one();
      outcome = outcomeOf(work, keeps);
      finish();
      commit.run();
    } catch (error) {
      undo();
      throw error;
    }
    putOff = putOffByRunning;
    putOffByRunning = [];
    if (putOff.length > 0) startTimer();
    if ("thrown" in outcome) throw outcome.thrown;
    return outcome.value;
  }

  function settle(): void {
    if (putOff.length === 0) return;
    try {
      transact(
        () => {},
        () => false,
      );
    } catch (error) {
      console.error("payment-provider: what was put off failed, and stays so:", error);
      startTimer();
    }
  }

  function startTimer(): void {
    if (isTimerSet) return;
    isTimerSet = true;
    const timer = setTimeout(() => {
      isTimerSet = false;
      if (sqlite.isOpen) settle();
    }, laterMs);
    timer.unref();
  }

  return {
    transact,
    later(work) {
      if (sqlite.isTransaction) putOffByRunning.push(work);
      else {
        putOff.push(work);
        startTimer();
      }
    },
    settle,
    onLost: (listener) => void listeners.push(listener),
    lost,
  };
}
