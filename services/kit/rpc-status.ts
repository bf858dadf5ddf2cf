// The one place where failures become RPC statuses, and statuses become failures again.
//
// Invariant R1: only a refusal's own text crosses the wire. Whatever else was thrown is
// INTERNAL or UNAVAILABLE with a trace id; its message and stack stay in the log.

import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { BadRequest, ErrorInfo } from "@webstore/proto/google/rpc/error_details";
import { Status } from "@webstore/proto/google/rpc/status";
import { PostgresUnavailable } from "./postgres-errors.ts";
import { Outage, Refusal, type RefusalCode, type Violation } from "./refusal.ts";

const detailsKey = "grpc-status-details-bin";
/** On an UNAVAILABLE: who was called is well; it is somebody behind it who is not. */
const answeredKey = "webstore-answered";
const errorInfoType = "type.googleapis.com/google.rpc.ErrorInfo";
const badRequestType = "type.googleapis.com/google.rpc.BadRequest";
/** Some middleboxes cut headers near 8 KiB, and then the status itself is lost. */
const violationsMax = 20;

export type RpcStatus = { readonly code: number; readonly details: string; readonly metadata: Metadata };

export function statusOf(error: unknown, traceId: string | undefined): RpcStatus {
  const metadata = new Metadata();
  if (error instanceof Refusal) {
    metadata.set(detailsKey, Buffer.from(Status.encode(richStatus(error)).finish()));
    return { code: status[error.code], details: error.message, metadata };
  }
  const trace = traceId === undefined ? "" : ` (trace ${traceId})`;
  if (error instanceof DeadlineExceeded) {
    return { code: status.DEADLINE_EXCEEDED, details: `It took too long${trace}`, metadata };
  }
  if (error instanceof Outage || error instanceof PostgresUnavailable) {
    if (error instanceof Outage) metadata.set(answeredKey, "true");
    return { code: status.UNAVAILABLE, details: `Not available right now${trace}`, metadata };
  }
  return { code: status.INTERNAL, details: `Something went wrong here${trace}`, metadata };
}

export class DeadlineExceeded extends Error {
  override readonly name = "DeadlineExceeded";
}

/** The caller went away, so this call was ended too. That is nobody's failure. */
export class Cancelled extends Error {
  override readonly name = "Cancelled";
}

function richStatus(refusal: Refusal): Status {
  const info = ErrorInfo.encode({
    reason: refusal.reason,
    domain: refusal.service,
    metadata: { ...refusal.details },
  }).finish();
  const details = [{ typeUrl: errorInfoType, value: info }];
  if (refusal.violations.length > 0) {
    const fieldViolations = refusal.violations.slice(0, violationsMax).map((each) => ({ ...each }));
    details.push({ typeUrl: badRequestType, value: BadRequest.encode({ fieldViolations }).finish() });
  }
  return { code: status[refusal.code], message: refusal.message, details };
}

/** What grpc-js says of calls for which it had no connection, by their status. */
const neverLeft: Readonly<Record<number, RegExp>> = {
  [status.UNAVAILABLE]: /No connection established|ECONNREFUSED/,
  [status.DEADLINE_EXCEEDED]: /^Deadline exceeded.*(Waiting for LB pick|waiting for name resolution)$/,
};

/** What a callee's status means here: its refusal, or that it did not answer. */
export function failureOf(peer: string, error: ServiceError): Refusal | Outage {
  const encoded = error.metadata?.get(detailsKey)[0];
  if (encoded instanceof Uint8Array) {
    const refusal = refusalIn(error, Status.decode(encoded));
    if (refusal !== undefined) return refusal;
  }
  const notSent = neverLeft[error.code]?.test(error.details) ?? false;
  const answered = (error.metadata?.get(answeredKey) ?? []).length > 0;
  return new Outage(peer, `${peer}: ${status[error.code]} ${error.details}`, {
    cause: error,
    notSent,
    answered,
  });
}

function refusalIn(error: ServiceError, rich: Status): Refusal | undefined {
  const info = rich.details.find((each) => each.typeUrl === errorInfoType);
  if (info === undefined) return undefined;
  const { reason, domain, metadata } = ErrorInfo.decode(info.value);
  const violations: Violation[] = rich.details
    .filter((each) => each.typeUrl === badRequestType)
    .flatMap((each) => BadRequest.decode(each.value).fieldViolations);
  const code = status[error.code] as RefusalCode;
  return new Refusal({ service: domain, reason, code, message: rich.message, details: metadata, violations });
}
