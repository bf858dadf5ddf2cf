// The operator's contract, method by method. One set of handlers serves both faces: Connect through connect.ts, REST
// through the rest-*.ts files. Who may call is checked in front of it; the handlers only name the caller.

import { type HandlersOf, Refusal } from "@webstore/kit";
import type { Difference as BooksDifference } from "@webstore/proto/ledger/v1";
import type { Difference, OpsServiceDefinition, Saga } from "@webstore/proto/ops/v1";
import type { Saga as OrdersSaga } from "@webstore/proto/orders/v1/sagas";
import { callerId } from "./caller.ts";
import type { Ports } from "./definition.ts";
import { present } from "./present.ts";
import { type AuditParts, audited } from "./record-audit.ts";
import { invalidField } from "./refuse-field.ts";

export type Ops = HandlersOf<typeof OpsServiceDefinition>;

const reasonLengthMax = 200;

export function ops(parts: AuditParts & { ports: Pick<Ports, "orders" | "ledger" | "orderProcessor"> }): Ops {
  const { orders, ledger, orderProcessor } = parts.ports;
  return {
    listSagas: async (request) => {
      const { sagas, nextPageToken } = await orders.listSagas(request);
      return { sagas: sagas.map(sagaView), nextPageToken };
    },
    getSaga: async (request) => {
      const { saga, journal } = await orders.getSaga(request);
      return { saga: sagaView(saga), journal };
    },
    retrySaga: async ({ sagaId, reason }) => {
      const audit = { action: "RetrySaga", subject: sagaId, detail: required(reason) };
      const { saga } = await audited(parts, audit, () => orders.retrySaga({ sagaId }).catch(noRetry));
      return { saga: sagaView(saga) };
    },
    compensateSaga: async ({ sagaId, reason }) => {
      const audit = { action: "CompensateSaga", subject: sagaId, detail: required(reason) };
      const { saga } = await audited(parts, audit, () => orders.compensateSaga({ sagaId }));
      return { saga: sagaView(saga) };
    },

    listDeadLetters: (request) => orderProcessor.listDeadLetters(request),
    getDeadLetter: (request) => orderProcessor.getDeadLetter(request),
    // Its entry in the audit log is part of the same change there.
    redriveDeadLetters: (request) => orderProcessor.redriveDeadLetters({ ...request, actorId: callerId() }),

    reconcile: async (request) => {
      const { differences, ...found } = await ledger.reconcile(request);
      return { ...found, differences: differences.map(differenceView) };
    },
    listAuditEntries: (request) => orderProcessor.listAuditEntries(request),
  };
}

/** Orders is the one service that runs sagas. */
function sagaView(saga: OrdersSaga | undefined): Saga {
  return { ...present(saga, "saga"), service: "orders" };
}

/** `DIFFERENCE_KIND_AMOUNT` is `amount` outside. */
function differenceView(difference: BooksDifference): Difference {
  return { ...difference, kind: difference.kind.slice("DIFFERENCE_KIND_".length).toLowerCase() };
}

/** What orders say of a saga that has ended is meant for who wants it undone. */
function noRetry(error: unknown): never {
  if (!(error instanceof Refusal) || error.reason !== "saga_ended") throw error;
  const message = "The saga has ended; there is nothing left to retry.";
  const { service, reason, code, details } = error;
  throw new Refusal({ service, reason, code, details, message });
}

/** Why somebody steps in is for the audit log, which is not the service's that does it. */
function required(reason: string): string {
  if (reason.trim() === "") throw invalidField("reason", "is required");
  if ([...reason].length > reasonLengthMax) {
    throw invalidField("reason", `must have at most ${reasonLengthMax} characters`);
  }
  return reason;
}
