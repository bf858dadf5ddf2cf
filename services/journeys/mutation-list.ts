// The protections of money: what each is, what would go wrong without it, how it is taken away, and the test that notices. The table
// of ARCHITECTURE.md is this list (mutation-list.test.ts holds the two together); mutations.ts proves it.

export type Mutation = {
  readonly protection: string;
  /** What happens without it. */
  readonly without: string;
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
  readonly test: { readonly file: string; readonly name: string };
};

export const mutations: readonly Mutation[] = [
  {
    protection: "The payment and its key are stored before the provider is called",
    without: "a call that is cut off is made again under another key: the customer pays twice",
    file: "services/payments/create-payment.ts",
    find: "const there = await parts.store.open(fresh);",
    replace:
      "const early = await authorize({ ...parts, store: { ...parts.store, replace: async () => true } }, fresh, { paymentMethodToken, isFirst: true }); if (early.payment.status !== fresh.status) { await parts.store.open(early.payment); return early; } const there = await parts.store.open(fresh);",
    test: {
      file: "services/payments/create-payment.test.ts",
      name: "killed between the commit and the call, another process goes on with the same payment",
    },
  },
  {
    protection: "The undo of an authorization",
    without: "an order that fails leaves the customer's money held or taken",
    file: "services/orders/place-order.ts",
    find: "    undo: ({ input, payments }) => letGo(payments, input.orderId),\n",
    replace: "    undo: () => Promise.resolve(letGo),\n",
    test: {
      file: "services/orders/place-order.test.ts",
      name: "capture refused, each do and undo once",
    },
  },
  {
    protection: "The inbox",
    without: "an event that comes twice is booked, or done, twice",
    file: "services/kit/inbox.ts",
    find: "(select count(*) from noted) = 1",
    replace: "(select count(*) from noted) >= 0",
    test: {
      file: "services/kit/inbox.test.ts",
      name: "an event changes something once, however often it comes",
    },
  },
  {
    protection: "The resolver",
    without: "a payment whose answer and webhook were both lost is never known: money is taken for nothing",
    file: "services/payments/resolve-due.ts",
    find: "limit: claimMax });",
    replace: "limit: 0 * claimMax });",
    test: {
      file: "services/payments/webhooks.test.ts",
      name: "when the event never comes, the resolver finds out",
    },
  },
  {
    protection: "The webhook's signature",
    without: "anybody can tell the store that a payment came through",
    file: "services/payments/webhook-signature.ts",
    find: 'includes("tolerance") ? "old" : "wrong";',
    replace: 'includes("tolerance") ? "old" : undefined;',
    test: {
      file: "services/payments/webhooks.test.ts",
      name: "an event signed by somebody else is refused, and nothing is stored",
    },
  },
  {
    protection: "The lease fence of a saga",
    without: "a process that was thought dead writes over whoever took its saga on",
    file: "services/kit/saga-journal.ts",
    find: "where id = $1 and fence = $2 returning 1)",
    replace: "where id = $1 and $2::bigint is not null returning 1)",
    test: {
      file: "services/kit/saga.test.ts",
      name: "an owner that was thought dead can commit nothing more",
    },
  },
  {
    protection: "Provider events are stored by their id",
    without: "a webhook that is delivered twice is applied twice",
    file: "services/payments/provider-event-store.postgres.ts",
    find: "return [eventId, type,",
    replace: "return [eventId + Math.random(), type,",
    test: {
      file: "services/payments/webhooks.test.ts",
      name: "an event that comes twice is stored once, and applied once",
    },
  },
  {
    protection: "An order that is to be cancelled cannot become paid",
    without:
      "a cancellation that comes while the order is placed is forgotten: the customer pays for nothing",
    file: "services/orders/order-store.postgres.ts",
    find: "status = 'pending' and not cancel_requested",
    replace: "status = 'pending'",
    test: {
      file: "services/orders/place-order-meetings.test.ts",
      name: "no money is kept, no stock, and the books are even",
    },
  },
  {
    protection: "The entries of a transaction sum to zero, by the database",
    without: "a bug of the booking makes money out of nothing, and nobody notices",
    file: "services/ledger/migrations/0003-cheaper-booking.sql",
    find: "having sum(amount_minor) <> 0",
    replace: "having sum(amount_minor) is null",
    test: {
      file: "services/ledger/entry-store.test.ts",
      name: "drops the note of the event with an unbalanced transaction, so that it can be booked later",
    },
  },
  {
    protection: "The key of partners who tell of payments",
    without: "anybody can tell the orders that their money went back",
    file: "services/gateway/api-key.ts",
    find: "return timingSafeEqual(hashOf(given), hashOf(key));",
    replace: "return timingSafeEqual(hashOf(key), hashOf(key));",
    test: { file: "services/gateway/webhooks.test.ts", name: "nothing is forwarded" },
  },
  {
    protection: "The loop guard of redriven dead letters",
    without: "a message that can never be processed goes round for ever",
    file: "services/order-processor/dead-letter-store.postgres.ts",
    find: "where.and(() => `redrives < $",
    replace: "where.and(() => `redrives >= 0 or redrives < $",
    test: { file: "services/order-processor/order-processor.test.ts", name: "loop guard" },
  },
  {
    protection: "A redriven message is for the group that gave it up",
    without: "each redrive of a poison message makes as many letters as there are groups",
    file: "services/kit/consumer.ts",
    find: 'if (redriveGroup !== group) return count("ignored");',
    replace: "",
    test: {
      file: "services/kit/consumer.test.ts",
      name: "a dead letter that is redriven is for the group that gave it up",
    },
  },
];
