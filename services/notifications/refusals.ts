// The closed list of reasons for which notifications refuses.

import { defineRefusals } from "@webstore/kit";

export const refusals = defineRefusals("notifications", {
  notification_not_found: {
    code: "NOT_FOUND",
    caller: "There is no such notification.",
    operator: "Nothing to do.",
  },
});
