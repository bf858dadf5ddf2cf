// The sagas' journal in memory: what the one in Postgres promises (kit/saga-journal.ts), for one process that never dies.

import { type openSagaEngine, type Write, WriteRefused } from "@webstore/kit";

type Journal = Parameters<typeof openSagaEngine>[0]["journal"];
export type KeptSaga = NonNullable<Awaited<ReturnType<Journal["find"]>>>;

export function memoryJournal(kept: {
  find(id: string): KeptSaga | undefined;
  /** One commit: the saga, and what stands or falls with it. */
  keep(saga: KeptSaga, ...also: Write[]): void;
}): Journal & { putDown(saga: KeptSaga): void } {
  /** When what was put down may be taken up again. */
  const dueAtMs = new Map<string, number>();
  /** Who was overtaken may write nothing more. */
  const fenced = (record: KeptSaga): KeptSaga => {
    const now = kept.find(record.id);
    if (now?.fence !== record.fence) throw new WriteRefused("saga_fenced");
    return now;
  };
  const takeUp = (saga: KeptSaga): KeptSaga => {
    dueAtMs.delete(saga.id);
    const taken = { ...saga, fence: saga.fence + 1n, isPutDown: false, waitingFor: undefined };
    kept.keep(taken);
    return taken;
  };
  return {
    async begin({ id, saga, requestHash, input, traceparent }) {
      if (kept.find(id) !== undefined) return undefined;
      const { name, options } = saga;
      const begun = { ...fresh, id, name, version: options.version, requestHash, input, traceparent };
      kept.keep(begun);
      return begun;
    },
    async advance(record, to, ...also) {
      const { wakes } = fenced(record);
      const advanced = { ...record, ...to, attempts: 0, waitingFor: undefined };
      kept.keep({ ...advanced, wakes }, ...also);
      return advanced;
    },
    async park(record, { to, afterMs = Number.POSITIVE_INFINITY, failed, waitingFor }) {
      const { wakes } = fenced(record);
      const woken = wakes > record.wakes;
      const attempts = failed ? record.attempts + 1 : 0;
      kept.keep({ ...record, ...to, attempts, waitingFor, isPutDown: true, wakes });
      dueAtMs.set(record.id, woken ? 0 : performance.now() + afterMs);
      return { woken };
    },
    async claim(_, limit) {
      const due = [...dueAtMs].filter(([, atMs]) => atMs <= performance.now()).slice(0, limit);
      return due.flatMap(([id]) => {
        const saga = kept.find(id);
        return saga === undefined ? [] : [takeUp(saga)];
      });
    },
    async wake(id) {
      const saga = kept.find(id);
      const waitsForPerson = dueAtMs.get(id) === Number.POSITIVE_INFINITY;
      if (saga === undefined || ["done", "refused"].includes(saga.status) || waitsForPerson) return undefined;
      const woken = { ...saga, wakes: saga.wakes + 1 };
      if (saga.isPutDown) return takeUp(woken);
      kept.keep(woken);
      return undefined;
    },
    renew: async () => {},
    release: async () => {},
    find: async (id) => kept.find(id),
    /** It may be taken up at once; whoever had it in hand under another fence writes nothing more. */
    putDown(saga) {
      kept.keep({ ...saga, isPutDown: true, waitingFor: undefined });
      dueAtMs.set(saga.id, 0);
    },
  };
}

const fresh = {
  status: "running",
  position: 0,
  results: {},
  refusal: undefined,
  attempts: 0,
  waitingFor: undefined,
  isPutDown: false,
  wakes: 0,
  trail: [],
  fence: 1n,
} as const;
