// What can go wrong, as one line for whoever typed the command. Never a stack, never a token.

import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequest, ErrorInfo } from "@webstore/proto/google/rpc/error_details";
import { plain } from "./print.ts";

/** Its message is the whole of what is said. */
export class Failure extends Error {
  override readonly name: string = "Failure";
}

/** What was typed cannot be meant. */
export class UsageFailure extends Failure {
  override readonly name = "UsageFailure";
}

/** Of these, that nobody listens there, or that there is no such place. */
const unreachable = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ETIMEDOUT",
  "UND_ERR_CONNECT_TIMEOUT",
]);

export function isUnreachable(error: unknown): boolean {
  let cause: unknown = error;
  for (let depth = 0; depth < 5 && cause instanceof Error; depth += 1) {
    if (unreachable.has((cause as NodeJS.ErrnoException).code ?? "")) return true;
    const [first] = cause instanceof AggregateError ? cause.errors : [];
    cause = cause.cause ?? first;
  }
  return false;
}

export function describeFailure(thrown: unknown): string {
  // Connect wraps what an interceptor throws.
  const error = thrown instanceof ConnectError && thrown.cause instanceof Failure ? thrown.cause : thrown;
  if (error instanceof Failure) return plain(error.message);
  if (error instanceof ConnectError) return plain(describeConnectError(error));
  return plain(error instanceof Error ? error.message : String(error));
}

const wordsByCode: Partial<Record<Code, string>> = {
  [Code.Unavailable]: "unavailable: a part of the store does not answer right now; please try again",
  [Code.DeadlineExceeded]: "deadline_exceeded: the store took too long to answer",
  [Code.ResourceExhausted]: "rate_limited: too many requests; please try again",
};

function describeConnectError(error: ConnectError): string {
  const details = error.details.flatMap((each) => ("type" in each ? [each] : []));
  const info = details.find(({ type }) => type === "google.rpc.ErrorInfo");
  if (info === undefined) {
    return wordsByCode[error.code] ?? `${Code[error.code]?.toLowerCase()}: ${error.rawMessage}`;
  }
  const bad = details.find(({ type }) => type === "google.rpc.BadRequest");
  const fields = bad === undefined ? [] : BadRequest.decode(bad.value).fieldViolations;
  return refusalLine(ErrorInfo.decode(info.value).reason, error.rawMessage, fields);
}

export function refusalLine(
  reason: string,
  text: string,
  fields: readonly { readonly field: string; readonly description: string }[],
): string {
  const named = fields.map(({ field, description }) => `${field} ${description}`).join("; ");
  const said = `${text}${named === "" || text.includes(named) ? "" : ` (${named})`}`;
  return `${reason}: ${asTyped(said)}${hints[reason] ?? ""}`;
}

const hints: Readonly<Record<string, string>> = {
  unauthenticated: " Get one with `webstore login`.",
  permission_denied: " This needs the role admin; `webstore login` gives a token of whoever has it.",
};

/** The contract's fields by the options that they come from. */
const optionOf: Readonly<Record<string, string>> = {
  created_since: "--since",
  created_before: "--before",
  dead_letter_ids: "--id",
  source_topic: "--topic",
  event_name: "--event",
  error_contains: "--error",
  rate_per_second: "--rate",
  letters_max: "--max",
  idle_seconds_min: "--idle",
  actor_id: "--actor",
};

function asTyped(text: string): string {
  return text.replace(/\b(?:filter\.)?([a-z]+(?:_[a-z]+)+)\b/g, (name, field) => optionOf[field] ?? name);
}
