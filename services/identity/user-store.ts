// The users. Every implementation promises:
//   S1. Of two adds with the same id, username or e-mail key one succeeds, however close they are.
//   S2. A list goes from the newest to the oldest, by id within a millisecond, and a user who is added while
//       somebody pages neither shifts nor repeats another.

import type { Account, PagePosition, User } from "./user.ts";

export type UserStore = {
  add(account: Account): Promise<"added" | "id_taken" | "username_taken" | "email_taken">;
  /** `username` in lower case. */
  findAccount(username: string): Promise<Account | undefined>;
  find(userId: string): Promise<User | undefined>;
  setPasswordHash(userId: string, passwordHash: string): Promise<void>;
  list(page: { limit: number; after: PagePosition | undefined }): Promise<User[]>;
};
