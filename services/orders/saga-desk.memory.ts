// The operators' desk over the sagas in memory: what the kit's promises, for the fake.

import type { DeskSaga, DeskStatus, openSagaEngine, SagaDesk, SagaEngine } from "@webstore/kit";
import type { KeptSaga, memoryJournal } from "./saga-journal.memory.ts";

type AnySaga = Parameters<typeof openSagaEngine>[0]["sagas"][number];
type Kept = { readonly saga: KeptSaga; readonly createdAtMs: number; readonly updatedAtMs: number };

export function memoryDesk(is: {
  readonly all: () => readonly Kept[];
  readonly journal: ReturnType<typeof memoryJournal>;
  readonly engine: Pick<SagaEngine<never>, "wake">;
  readonly sagas: readonly AnySaga[];
  readonly nowMs: () => number;
}): SagaDesk {
  const { all, journal, engine } = is;
  const knownOf = ({ name, version }: KeptSaga) =>
    is.sagas.find((each) => each.name === name && each.options.version === version);
  const shown = (kept: Kept) => shownOf(kept, knownOf(kept.saga));
  const keptOf = (id: string) => all().find(({ saga }) => saga.id === id);
  const answer = (id: string, ends: readonly string[]) => {
    const kept = keptOf(id);
    return kept && { ended: ends.includes(kept.saga.status), saga: shown(kept) };
  };

  return {
    async list({ status, name, ids, idleMsMin = 0 }, { size, token }) {
      const untilMs = is.nowMs() - idleMsMin;
      const found = all()
        .map(shown)
        .filter((saga) => status === undefined || saga.status === status)
        .filter((saga) => name === undefined || saga.name === name)
        .filter((saga) => ids?.includes(saga.id) ?? true)
        .filter((saga) => idleMsMin === 0 || saga.updatedAt.getTime() <= untilMs)
        .sort((a, b) => b.updatedAt.getTime() - a.updatedAt.getTime() || (a.id < b.id ? 1 : -1));
      const start = found.findIndex(({ id }) => id === token) + 1;
      const sagas = found.slice(start, start + size);
      return { sagas, nextToken: found.length > start + size ? (sagas.at(-1)?.id ?? "") : "" };
    },

    async get(id) {
      const kept = keptOf(id);
      return kept && { saga: shown(kept), trail: kept.saga.trail };
    },

    async retry(id) {
      const saga = keptOf(id)?.saga;
      if (saga?.isPutDown === true) journal.putDown({ ...saga, attempts: 0 });
      await engine.wake(id);
      return answer(id, ["done", "refused"]);
    },

    async compensate(id, refusal) {
      const saga = keptOf(id)?.saga;
      const known = saga && knownOf(saga);
      if (saga !== undefined && known !== undefined && saga.status === "running") {
        const { position } = saga;
        const { service, reason, code, message, details } = refusal ?? known.options.givenUp("");
        const write = known.steps.findIndex((step, index) => index >= position && step.kind === "write");
        journal.putDown({
          ...saga,
          status: "undoing",
          position: write === -1 ? known.steps.length : write,
          refusal: { service, reason, code, message, details },
          attempts: 0,
          fence: saga.fence + 1n,
        });
        await engine.wake(id);
      }
      return answer(id, ["done"]);
    },
  };
}

const statuses = {
  running: "running",
  done: "done",
  undoing: "compensating",
  refused: "undone",
  stuck: "stuck",
};

function shownOf({ saga, createdAtMs, updatedAtMs }: Kept, known: AnySaga | undefined): DeskSaga {
  const isEnded = saga.status === "done" || saga.status === "refused";
  const index = saga.refusal === undefined ? saga.position : saga.position - 1;
  return {
    id: saga.id,
    name: saga.name,
    version: saga.version,
    status: statuses[saga.status] as DeskStatus,
    step: (isEnded ? undefined : known?.steps[index]?.name) ?? "",
    attempts: saga.attempts,
    waitingFor: saga.waitingFor ?? "",
    error: "",
    leaseUntil: undefined,
    createdAt: new Date(createdAtMs),
    updatedAt: new Date(updatedAtMs),
    input: saga.input,
    refusal: saga.refusal,
  };
}
