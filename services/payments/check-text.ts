// What the contract's rules cannot say of a text.

import { invalidRequest } from "@webstore/kit";

/** Refuses text that no store can keep. */
export function checkText(field: string, text: string): void {
  if (text.includes("\0")) throw invalidRequest(field, "must not contain NUL");
}
