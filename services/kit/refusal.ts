// The two ways a request can end badly, and nothing else.
//
// A refusal is expected and final: repeating the request gives it again. It has a reason
// from the service's closed list (refusals.ts) and a text for the caller.
// An outage is neither: the answer is not known or not to be had now. Whether to try again
// is decided by whoever knows that this is safe. Anything else that is thrown is a bug.
//
// Both are free of any transport; rpc-status.ts turns them into RPC codes and back, and the
// gateway turns RPC codes into HTTP.

/** The codes a refusal may carry: those of gRPC that mean "this request, as it stands, never". */
export type RefusalCode =
  | "INVALID_ARGUMENT"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "PERMISSION_DENIED"
  | "UNAUTHENTICATED"
  | "FAILED_PRECONDITION"
  | "OUT_OF_RANGE"
  | "RESOURCE_EXHAUSTED"
  | "UNAVAILABLE"
  | "ABORTED";

export type RefusalEntry = {
  readonly code: RefusalCode;
  /** What the caller is told, a sentence. It names nothing that the caller may not know. */
  readonly caller: string;
  /** What it means for whoever is on call. */
  readonly operator: string;
};

export type RefusalDetails = Readonly<Record<string, string>>;
export type Violation = { readonly field: string; readonly description: string };

export class Refusal extends Error {
  override readonly name = "Refusal";
  /** Who refused: the service whose list the reason is from. */
  readonly service: string;
  readonly reason: string;
  readonly code: RefusalCode;
  /** Facts for the caller, such as the decline code. Never a secret. */
  readonly details: RefusalDetails;
  /** The fields at fault, for `invalid_request`. */
  readonly violations: readonly Violation[];

  constructor(is: {
    service: string;
    reason: string;
    code: RefusalCode;
    message: string;
    details?: RefusalDetails | undefined;
    violations?: readonly Violation[] | undefined;
  }) {
    super(is.message);
    this.service = is.service;
    this.reason = is.reason;
    this.code = is.code;
    this.details = is.details ?? {};
    this.violations = is.violations ?? [];
  }
}

/** For what the contract's rules cannot say. `description` goes on after the field's name: "is not one of ours". */
export function invalidRequest(field: string, description: string): Refusal {
  return invalidFields([{ field, description }]);
}

/** The first is said in the message, too. */
export function invalidFields(violations: readonly [Violation, ...Violation[]]): Refusal {
  const [{ field, description }] = violations;
  return new Refusal({
    service: "kit",
    reason: "invalid_request",
    code: "INVALID_ARGUMENT",
    message: `The request is not valid: ${field} ${description}.`,
    violations,
  });
}

/** The answer is unknown, or the callee is not there. */
export class Outage extends Error {
  override readonly name = "Outage";
  /** Who did not answer. */
  readonly peer: string;
  /** True only where the request certainly did not reach the peer (an open breaker, no connection). */
  readonly notSent: boolean;
  /** The peer answered, and said that somebody behind it did not. That says nothing about the peer itself. */
  readonly answered: boolean;

  constructor(
    peer: string,
    message: string,
    is: { cause?: unknown; notSent?: boolean; answered?: boolean } = {},
  ) {
    super(message, { cause: is.cause });
    this.peer = peer;
    this.notSent = is.notSent ?? false;
    this.answered = is.answered ?? false;
  }
}

export type Refusals<R extends string> = {
  readonly service: string;
  readonly entries: Readonly<Record<R, RefusalEntry>>;
  /** Makes the refusal; the caller throws it, so that control flow stays visible. */
  readonly refuse: (reason: R, details?: RefusalDetails) => Refusal;
};

/** A service's closed list of reasons. */
export function defineRefusals<const R extends string>(
  service: string,
  entries: Readonly<Record<R, RefusalEntry>>,
): Refusals<R> {
  const refuse = (reason: R, details?: RefusalDetails) => {
    const { code, caller } = entries[reason];
    return new Refusal({ service, reason, code, message: caller, details });
  };
  return { service, entries, refuse };
}

/** The reasons that the kit gives for any RPC of any service. */
export const kitRefusals = defineRefusals("kit", {
  invalid_request: {
    code: "INVALID_ARGUMENT",
    caller: "The request is not valid.",
    operator: "A client sends what the contract does not allow; nothing to do here.",
  },
  unauthenticated: {
    code: "UNAUTHENTICATED",
    caller: "This needs a valid access token.",
    operator: "Many at once may be an attack, or signing keys that services cannot fetch.",
  },
  permission_denied: {
    code: "PERMISSION_DENIED",
    caller: "This token may not do that.",
    operator: "A caller lacks the role; look at the RPC's access option.",
  },
});
