// The operator's contract over Connect and gRPC-Web.

import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { demoUsers } from "@webstore/kit";
import { OpsService, SagaStatus } from "@webstore/proto/es/ops/v1";
import { ErrorInfo } from "@webstore/proto/google/rpc/error_details";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { stuckSaga } from "./testing-desk.ts";
import { asAda, asGrace, nothing, openTestStore, type TestStore } from "./testing-store.ts";

let store: TestStore;
let gateway: Awaited<ReturnType<TestStore["startGateway"]>>;

beforeAll(async () => {
  store = await openTestStore();
  gateway = await store.startGateway();
});
afterAll(async () => {
  await gateway?.stop();
  await store?.stop();
});
beforeEach(() => store.desk.reset());

const { userId: grace } = demoUsers.grace;

const wires = {
  Connect: () => createConnectTransport({ baseUrl: gateway.url, httpVersion: "1.1" }),
  "gRPC-Web": () => createGrpcWebTransport({ baseUrl: gateway.url, httpVersion: "1.1" }),
};
const opsOver = (wire: keyof typeof wires) => createClient(OpsService, wires[wire]());

const failureOf = async (failing: Promise<unknown>) => {
  const error = ConnectError.from(await failing.catch((thrown: unknown) => thrown));
  const [detail] = error.details;
  const reason = detail !== undefined && "type" in detail ? ErrorInfo.decode(detail.value).reason : "";
  return { code: error.code, reason };
};

test.each(Object.keys(wires) as (keyof typeof wires)[])("an operator works over %s", async (wire) => {
  const ops = opsOver(wire);
  const headers = { headers: asGrace };
  const { sagas } = await ops.listSagas({ status: SagaStatus.STUCK }, headers);
  expect(sagas).toMatchObject([{ sagaId: stuckSaga, service: "orders", attempts: 10 }]);
  const { journal } = await ops.getSaga({ sagaId: stuckSaga }, headers);
  expect(journal).toHaveLength(2);
  const { saga } = await ops.retrySaga({ sagaId: stuckSaga, reason: "back" }, headers);
  expect(saga?.status).toBe(SagaStatus.RUNNING);
  await ops.redriveDeadLetters({ filter: { eventName: "OrderCreated" }, reason: "fixed" }, headers);
  const { entries } = await ops.listAuditEntries({}, headers);
  expect(entries).toMatchObject([
    { actorId: grace, action: "RedriveDeadLetters", detail: "fixed" },
    { actorId: grace, action: "RetrySaga", subject: stuckSaga, detail: "back" },
  ]);
  expect(await ops.reconcile({}, headers)).toMatchObject({ differences: [], paymentsCompared: 12 });
});

test("nobody but staff has any of it over Connect", async () => {
  const ops = opsOver("Connect");
  for (const method of OpsService.methods) {
    const call = ops[method.localName as keyof typeof ops] as (
      asked: object,
      is?: object,
    ) => Promise<unknown>;
    expect(await failureOf(call({})), method.name).toEqual({
      code: Code.Unauthenticated,
      reason: "unauthenticated",
    });
    expect(await failureOf(call({}, { headers: asAda })), method.name).toEqual({
      code: Code.PermissionDenied,
      reason: "permission_denied",
    });
  }
});

test("over Connect a reason is needed as well, and what is not there is said so", async () => {
  const ops = opsOver("Connect");
  const headers = { headers: asGrace };
  for (const reason of ["", "  ", "x".repeat(201)]) {
    expect(await failureOf(ops.retrySaga({ sagaId: stuckSaga, reason }, headers))).toEqual({
      code: Code.InvalidArgument,
      reason: "invalid_request",
    });
  }
  expect(await failureOf(ops.getSaga({ sagaId: nothing }, headers))).toEqual({
    code: Code.NotFound,
    reason: "saga_not_found",
  });
  store.desk.state.auditUp = false;
  expect(await failureOf(ops.compensateSaga({ sagaId: stuckSaga, reason: "why" }, headers))).toEqual({
    code: Code.Unavailable,
    reason: "",
  });
  expect((await store.desk.sagas.getSaga({ sagaId: stuckSaga })).saga?.status).toBe("SAGA_STATUS_STUCK");
  expect(store.desk.audit).toEqual([]);
});
