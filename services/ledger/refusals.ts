// The closed list of reasons for which the books refuse an event. A refused event is a dead letter, and nothing of it is
// booked. The calls have no reasons of their own beside the kit's.

import { defineRefusals } from "@webstore/kit";

export const refusals = defineRefusals("ledger", {
  event_unreadable: {
    code: "INVALID_ARGUMENT",
    caller: "The event has no amounts that can be booked.",
    operator:
      "Its data is not what the contract of the event says: an id, an amount or a currency is none. Look at the dead letter, mend its author, and redrive it.",
  },
  event_unbalanced: {
    code: "INVALID_ARGUMENT",
    caller: "The event's amounts do not add up.",
    operator:
      "Subtotal plus shipping less discount is not the total. Look at the dead letter and at how the order was priced.",
  },
});
