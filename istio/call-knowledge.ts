// What the definitions do not say about calls and the checks have to know, each line with its reason. What a line is
// about must be there: one that has lost its subject is found by the checks, too.

export type Knowledge = {
  /** Calls that no RPC of their caller waits for: they are made by events or by the clock. */
  readonly unawaited: readonly { readonly caller: string; readonly as: string; readonly because: string }[];
  /** RPCs that are answered from the service's own store, without a call. */
  readonly leaves: readonly {
    readonly service: string;
    readonly methods: readonly string[];
    readonly because: string;
  }[];
  /** For which RPC of its own a caller makes a call; without a line, for the one of the same name. */
  readonly madeFor: readonly {
    readonly caller: string;
    readonly callee: string;
    readonly method: string;
    readonly rpc: string;
  }[];
  /** What breaks a rule and may. */
  readonly accepted: readonly Accepted[];
};

export type Rule =
  | "unknown-callee"
  | "unknown-method"
  | "listed-twice"
  | "attempt-too-long"
  | "attempts-too-long"
  | "too-many-attempts"
  | "no-breaker"
  | "breakers-differ"
  | "cycle"
  | "unlisted-edge"
  | "stale-knowledge";

/** `subjects` are the violations' own: `ledger → payments.ListProviderPayments`. */
export type Accepted = {
  readonly rule: Rule;
  readonly subjects: readonly string[];
  readonly because: string;
};

export const knowledge: Knowledge = {
  unawaited: [
    {
      caller: "payments",
      as: "orders",
      because:
        "notifications are committed rows, delivered on a schedule; no RPC of payments waits for orders",
    },
    {
      caller: "notifications",
      as: "identity",
      because: "mails are made from events; asking for one again only queues it",
    },
    {
      caller: "notifications",
      as: "orders",
      because: "mails are made from events; asking for one again only queues it",
    },
    {
      caller: "order-processor",
      as: "orders",
      because: "it calls from its consumers; its RPCs are about dead letters and the audit log",
    },
    {
      caller: "order-processor",
      as: "cancellations",
      because: "a cancellation is carried out by the consumer of its event",
    },
  ],
  leaves: [
    {
      service: "orders",
      methods: ["GetOrder", "ListOrders", "ImportOrder", "TransitionOrder", "ListSagas", "GetSaga"],
      because: "they read or write the order's own rows; what follows from that follows by events",
    },
    {
      service: "cart",
      methods: ["GetCart", "UpdateItem", "RemoveItem", "ClearOrderedLines"],
      because: "only adding an item asks the catalog",
    },
    {
      service: "ledger",
      methods: ["ListEntries", "GetBalances"],
      because: "the books are its own; only reconciling asks the others",
    },
  ],
  madeFor: [
    { caller: "gateway", callee: "cart", method: "AddItem", rpc: "AddToCart" },
    { caller: "gateway", callee: "cart", method: "UpdateItem", rpc: "UpdateCartItem" },
    { caller: "gateway", callee: "cart", method: "RemoveItem", rpc: "RemoveCartItem" },
    { caller: "gateway", callee: "orders", method: "PlaceOrder", rpc: "Checkout" },
  ],
  accepted: [
    {
      rule: "no-breaker",
      subjects: ["payments → orders (orders)"],
      because:
        "each notification has a schedule of its own, and orders is UNAVAILABLE for one that comes too early",
    },
    {
      rule: "attempts-too-long",
      subjects: [
        "ledger → payments.ListProviderPayments",
        "gateway → cart.AddItem",
        "gateway → orders.PlaceOrder",
        "gateway → orders.CancelOrder",
        "gateway → orders.ListSagas",
        "gateway → orders.GetSaga",
        "gateway → orders.RetrySaga",
        "gateway → orders.CompensateSaga",
        "gateway → ledger.Reconcile",
        "gateway → order-processor.ListDeadLetters",
        "gateway → order-processor.GetDeadLetter",
        "gateway → order-processor.RedriveDeadLetters",
        "gateway → order-processor.ListAuditEntries",
      ],
      because:
        "only UNAVAILABLE is repeated, which is said at once; an attempt that hangs uses up the deadline of the request, " +
        "which goes along, and then none is begun",
    },
  ],
};

export function whyUnawaited({ unawaited }: Knowledge, caller: string, as: string): string | undefined {
  return unawaited.find((each) => each.caller === caller && each.as === as)?.because;
}

export function madeFor(knowledge: Knowledge, caller: string, callee: string, method: string): string {
  const stated = knowledge.madeFor.find(
    (each) => each.caller === caller && each.callee === callee && each.method === method,
  );
  return stated?.rpc ?? method;
}

export function isLeaf({ leaves }: Knowledge, service: string, method: string): boolean {
  return leaves.some((each) => each.service === service && each.methods.includes(method));
}
