// One user, for who may see them.

import type { Principal } from "@webstore/kit";
import { refusals } from "./refusals.ts";
import { type User, visibleUserId } from "./user.ts";
import type { UserStore } from "./user-store.ts";

/** `userId` is empty for the caller. */
export async function getUser(users: UserStore, principal: Principal, userId: string): Promise<User> {
  const user = await users.find(visibleUserId(principal, userId));
  if (user === undefined) throw refusals.refuse("user_not_found");
  return user;
}
