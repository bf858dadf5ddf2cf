// Operate sagas: what staff see of those of orders, and the two things that they may do about one. The desk is the kit's;
// here is which sagas are about which order.

import type { DeskSaga, DeskStatus, SagaDesk } from "@webstore/kit";
import { cancellationIds } from "./execute-cancellation.ts";
import { refuse } from "./refusals.ts";

const pageSizeDefault = 20;

export async function listSagas(
  is: {
    readonly status: DeskStatus | undefined;
    readonly name: string;
    readonly orderId: string;
    readonly idleSecondsMin: number;
    readonly pageSize: number;
    readonly pageToken: string;
  },
  desk: SagaDesk,
): Promise<{ sagas: DeskSaga[]; nextToken: string }> {
  const filter = {
    status: is.status,
    name: is.name || undefined,
    // The saga that places an order has the order's id.
    ids: is.orderId === "" ? undefined : [is.orderId, ...cancellationIds(is.orderId)],
    idleMsMin: is.idleSecondsMin === 0 ? undefined : is.idleSecondsMin * 1_000,
  };
  return desk.list(filter, { size: is.pageSize || pageSizeDefault, token: is.pageToken });
}

export async function getSaga(id: string, desk: SagaDesk) {
  const found = await desk.get(id);
  if (found === undefined) throw refuse("saga_not_found");
  return found;
}

export async function retrySaga(id: string, desk: SagaDesk): Promise<DeskSaga> {
  return unlessEnded(await desk.retry(id));
}

export async function compensateSaga(id: string, desk: SagaDesk): Promise<DeskSaga> {
  return unlessEnded(await desk.compensate(id));
}

function unlessEnded(answer: { ended: boolean; saga: DeskSaga } | undefined): DeskSaga {
  if (answer === undefined) throw refuse("saga_not_found");
  if (answer.ended) throw refuse("saga_ended");
  return answer.saga;
}
