// One after another: what is done for one order waits for what is being done for it in this process. Between
// processes the store's versions decide; here waiting is cheaper than asking the provider twice.
//
// Invariants:
//   T1. Whoever waits past their deadline is not served any more: nobody listens.
//   T2. At most `waitingMax` wait for one order.

import { currentContext, Outage } from "@webstore/kit";

export type InTurn = <T>(orderId: string, work: () => Promise<T>) => Promise<T>;

const waitingMax = 100;

export function openTurns(nowMs: () => number): InTurn {
  const queues = new Map<string, { waiting: number; last: Promise<unknown> }>();

  return async (orderId, work) => {
    const queue = queues.get(orderId) ?? { waiting: 0, last: Promise.resolve() };
    if (queue.waiting >= waitingMax) throw busy("too many calls for one order");
    queues.set(orderId, queue);
    queue.waiting += 1;
    const before = queue.last;
    const mine = (async () => {
      await before;
      if (nowMs() >= currentContext().deadlineAtMs) throw busy("the calls before took too long");
      return work();
    })();
    queue.last = mine.catch(() => {});
    try {
      return await mine;
    } finally {
      queue.waiting -= 1;
      if (queue.waiting === 0) queues.delete(orderId);
    }
  };
}

function busy(message: string): Outage {
  return new Outage("payments", message, { notSent: true });
}
