// What tests of services use from the kit: a schema of their own, typed clients with every method of
// a contract, and the saga harness. Nothing here is imported by a running store.

import { background, inContext } from "./context.ts";
import {
  type Call,
  type ClientOf,
  type Contract,
  call,
  type MethodName,
  type Operations,
  type PartnerClientOf,
  type PartnerDefinition,
  type PartnerUse,
  partner,
} from "./definition.ts";
import { openPartnerClient } from "./partner-client.ts";
import { openRpcClient } from "./rpc-client.ts";
import { unrecordedTelemetry } from "./telemetry.ts";

export { openOutbox, outboxMigrations } from "./outbox.ts";
export { type Migration, migrationsFrom } from "./postgres-migrations.ts";
export type { AnySaga } from "./saga.ts";
export { describeVisit, type Visit, type Visited, visitSaga, visitsOf } from "./saga-harness.ts";
export { sagaMigrations } from "./saga-journal.ts";
export { unrecordedTelemetry } from "./telemetry.ts";
export { serveFake, testJwksUrl } from "./testing-fake.ts";
export {
  freshDatabase,
  freshName,
  freshSchema,
  startOwn,
  type TestPostgres,
  useTestPostgres,
} from "./testing-postgres.ts";

export const testInternalKey = "test-internal-key";

export type TestClient<C extends Contract> = ClientOf<Call<C, readonly MethodName<C>[]>>;

/**
 * A client with every method of the service, as somebody with this token (`token`), as another
 * service of the store (`internal`), or as a stranger. One attempt, 20 s.
 */
export function testClient<C extends Contract>(
  definition: { readonly name: string; readonly serves: C; readonly ports: { readonly rpc: number } },
  address: string,
  as: { token?: string; internal?: boolean; idempotencyKey?: string } = {},
): TestClient<C> & { close(): void } {
  const methods = Object.keys(definition.serves.methods) as MethodName<C>[];
  const use = call<C, readonly MethodName<C>[]>(definition, { methods, timeoutMs: 20_000, attemptsMax: 1 });
  const { client, close } = openRpcClient(use, address, {
    caller: "test",
    ...(as.internal === true ? { internalKey: testInternalKey } : {}),
    mesh: "none",
    telemetry: unrecordedTelemetry("test"),
    nowMs: Date.now,
    random: Math.random,
  });
  const context = { ...background, bearerToken: as.token, idempotencyKey: as.idempotencyKey };
  const calls = Object.entries<(request: never) => Promise<unknown>>(client as never).map(
    ([name, method]) => [name, (request: never) => inContext(context, () => method(request))],
  );
  return { ...(Object.fromEntries(calls) as TestClient<C>), close };
}

/** A client with every operation of a partner; one attempt, 20 s, and a breaker that never opens. */
export function testPartner<O extends Operations>(
  definition: PartnerDefinition<string, O>,
  url: string,
): PartnerClientOf<PartnerUse<O>> & { close(): Promise<void> } {
  const breaker = { failures: Number.MAX_SAFE_INTEGER, coolDownMs: 1 };
  const use = partner(definition, { timeoutMs: 20_000, attemptsMax: 1, breaker });
  const duration = { record() {} };
  const { client, close } = openPartnerClient(use, url, { duration, nowMs: Date.now, random: Math.random });
  return { ...client, close };
}
