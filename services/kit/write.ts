// A change that is not made yet: SQL statements that stand or fall together.
//
// A store method that changes something returns a Write instead of making the change. Whoever commits
// it decides what else stands or falls with it: the saga's journal, the outbox, another store's Write.
//
// Invariants:
//   W1. A Write is data: building one does nothing, and dropping one leaves no trace.
//   W2. A statement whose effect is conditional guards itself in SQL, because nobody looks at its result
//       before the commit:
//         with moved as (update … where state = 'open' returning 1)
//         select webstore_expect((select count(*) from moved) = 1, 'order_moved')
//       When the condition does not hold, nothing of the commit stands and it throws WriteRefused.

/**
 * One SQL statement with its values. A `name` makes it a prepared statement, parsed once a connection;
 * a name belongs to one text for ever.
 */
export type Statement = {
  readonly name?: string;
  readonly text: string;
  readonly values: readonly unknown[];
};

export type Write = readonly Statement[];

/** What the statements of a commit gave, a list each. */
export type Rows = readonly (readonly unknown[])[];

/** Several writes as one, in this order. */
export const writes = (...all: Write[]): Write => all.flat();
