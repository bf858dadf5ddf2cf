// Sagas as the contract shows them.

import type { DeskSaga, DeskStatus, SagaDesk } from "@webstore/kit";
import type { JournalEntry, JournalKind, Saga, SagaStatus } from "@webstore/proto/orders/v1/sagas";

type Line = NonNullable<Awaited<ReturnType<SagaDesk["get"]>>>["trail"][number];

export const deskStatuses: readonly DeskStatus[] = ["running", "done", "compensating", "undone", "stuck"];

export function sagaMessageOf(saga: DeskSaga): Saga {
  const { orderId } = saga.input;
  return {
    sagaId: saga.id,
    name: saga.name,
    orderId: typeof orderId === "string" ? orderId : "",
    status: sagaStatusMessageOf(saga.status),
    step: saga.step,
    attempts: saga.attempts,
    errorReason: saga.error || (saga.refusal?.reason ?? ""),
    leaseUntil: saga.leaseUntil,
    createTime: saga.createdAt,
    updateTime: saga.updatedAt,
  };
}

export function journalMessageOf({ step, kind, atMs, error }: Line): JournalEntry {
  return {
    step,
    kind: `JOURNAL_KIND_${kind.toUpperCase()}` as JournalKind,
    at: new Date(atMs),
    errorReason: error,
  };
}

function sagaStatusMessageOf(status: DeskStatus): SagaStatus {
  return `SAGA_STATUS_${status.toUpperCase()}` as SagaStatus;
}

/** `undefined` for UNSPECIFIED, which means any. */
export function deskStatusOf(message: SagaStatus): DeskStatus | undefined {
  return deskStatuses.find((status) => sagaStatusMessageOf(status) === message);
}
