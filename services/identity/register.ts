// Open an account.

import type { Passwords } from "./passwords.ts";
import { refusals } from "./refusals.ts";
import { normalizeUsername, refuseControlCharacters } from "./user.ts";
import type { UserStore } from "./user-store.ts";

export type Registration = { username: string; email: string; password: string; country: string };

/** Gives the user's id. */
export async function register(
  parts: { users: UserStore; passwords: Passwords; nowMs: () => number; newId: () => string },
  { username, email, password, country }: Registration,
): Promise<string> {
  refuseControlCharacters(email);
  const userId = parts.newId();
  const outcome = await parts.users.add({
    userId,
    username: normalizeUsername(username),
    email,
    country,
    role: "user",
    passwordHash: await parts.passwords.hash(password),
    createTimeMs: parts.nowMs(),
  });
  if (outcome === "id_taken") throw new Error("a new user got an id that is taken");
  if (outcome !== "added") throw refusals.refuse(outcome);
  return userId;
}
