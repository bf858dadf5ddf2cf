// The kit's public face: what a service may use. Whatever is not named here is the kit's own.

export type { AdminRoute } from "./admin-server.ts";
export { type Breaker, openBreaker } from "./breaker.ts";
export type { Bus, Event, Message, ReceivedMessage, Subscription } from "./bus.ts";
export { uuidOf } from "./computed-id.ts";
export {
  type BaseConfig,
  ConfigError,
  dependencyVariable,
  type Env,
  flag,
  readConfig,
  whole,
} from "./config.ts";
export { startConsumer } from "./consumer.ts";
export { currentContext, inContext, type Principal, type RequestContext, type Role } from "./context.ts";
export {
  type Call,
  type ClientOf,
  call,
  definePartner,
  defineService,
  type HandlersOf,
  type HttpRoute,
  operation,
  type PartnerClientOf,
  type PartnerDefinition,
  type PartnerUse,
  type PortsOf,
  partner,
  type ServiceDefinition,
} from "./definition.ts";
export { encodeEvent } from "./event.ts";
export type { AddGauge, ReadGauge, Reading } from "./gauge.ts";
export { ExchangeFailed, exchangeOverHttp, type HttpAnswer } from "./http-exchange.ts";
export { inboxMigrations, isAlreadyConsumed, once as consumeOnce } from "./inbox.ts";
export { describeError, type Log, openLog } from "./log.ts";
export { amountPattern, decimalOf, decimalsOf, divideHalfEven, minorOf } from "./money.ts";
export type { Mongo } from "./mongo.ts";
export type { Outbox } from "./outbox.ts";
export {
  CommitUnknown,
  type Postgres,
  PostgresUnavailable,
  postgresCounters,
  UniqueViolation,
  WriteRefused,
} from "./postgres.ts";
export type { Redis } from "./redis.ts";
export { defineRefusals, invalidRequest, kitRefusals, Outage, Refusal, type Refusals } from "./refusal.ts";
export { backoffMs, delay } from "./retry.ts";
export { type RpcAccess, rpcOptions } from "./rpc-options.ts";
export { PortTaken } from "./rpc-server.ts";
export { Cancelled, DeadlineExceeded } from "./rpc-status.ts";
export { type Data, type Saga, saga, Waiting } from "./saga.ts";
export { type DeskSaga, type DeskStatus, openSagaDesk, type SagaDesk, type SagaFilter } from "./saga-desk.ts";
export { openSagaEngine, type SagaEngine, type SagaOutcome } from "./saga-engine.ts";
export { openJournal, sagaMigrations } from "./saga-journal.ts";
export type { TrailKind, TrailLine } from "./saga-trail.ts";
export { type Process, type Running, run, type ServiceProgram, type Started, service } from "./service.ts";
export { addOutboxGauges } from "./service-gauges.ts";
export type { Attributes, Counter, Histogram, Span, Telemetry } from "./telemetry.ts";
export { demoUsers, type TokenVerifier } from "./tokens.ts";
export { mayBeSocket } from "./unix-socket.ts";
export { withoutStacks } from "./without-stacks.ts";
export { type Rows, type Statement, type Write, writes } from "./write.ts";
