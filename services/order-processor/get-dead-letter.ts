// One dead letter, with its content.

import type { WholeDeadLetter } from "./dead-letter.ts";
import type { DeadLetterStore } from "./dead-letter-store.ts";
import { refuse } from "./refusals.ts";

export async function getDeadLetter(
  { deadLetters }: { readonly deadLetters: DeadLetterStore },
  deadLetterId: string,
): Promise<WholeDeadLetter> {
  const letter = await deadLetters.find(deadLetterId);
  if (letter === undefined) throw refuse("dead_letter_not_found");
  return letter;
}
