// The closed list of reasons for which the order-processor refuses: a request (`dead_letter_not_found`, the only one
// that an RPC answers), or an event, which then is a dead letter with the reason in its headers.

import { defineRefusals } from "@webstore/kit";

export const refusals = defineRefusals("order-processor", {
  dead_letter_not_found: {
    code: "NOT_FOUND",
    caller: "There is no such dead letter.",
    operator: "Nothing to do; they are kept for 90 days.",
  },
  event_invalid: {
    code: "INVALID_ARGUMENT",
    caller:
      "The event does not have the data that its name promises, or is about another order than its key.",
    operator: "Its publisher is at fault; look at the dead letter's content. A redrive will not help.",
  },
  price_mismatch: {
    code: "FAILED_PRECONDITION",
    caller: "The order's amounts do not add up, or are not those of the event.",
    operator: "The order is untouched. The log says which amount; compare the order with the event.",
  },
  order_not_processable: {
    code: "FAILED_PRECONDITION",
    caller: "The order is in a status that is not known here.",
    operator: "Orders is newer than the order-processor: update that, then redrive.",
  },
});

export const { refuse } = refusals;
