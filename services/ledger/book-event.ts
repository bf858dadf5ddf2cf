// Book what an event says, once: the entries and the note that the event is consumed are one commit.

import { consumeOnce, type Event, type Postgres, UniqueViolation } from "@webstore/kit";
import { bookingOf } from "./booking.ts";
import type { EntryStore } from "./entry-store.ts";

export type BookEventParts = {
  readonly store: Pick<EntryStore, "book">;
  readonly postgres: Pick<Postgres, "commit">;
  readonly nowMs: () => number;
};

const transactionKey = "entry_pkey";

export async function bookEvent(
  { store, postgres, nowMs }: BookEventParts,
  group: string,
  event: Event,
): Promise<void> {
  const booking = bookingOf(event);
  if (booking === undefined) return;
  try {
    await postgres.commit(consumeOnce(group, event.id), store.book(booking, nowMs()));
  } catch (error) {
    // The inbox forgets after some weeks, the books never: a dead letter that is redriven late is booked already.
    if (error instanceof UniqueViolation && error.constraint === transactionKey) return;
    throw error;
  }
}
