// The demo's users, under the ids that the kit's demo tokens stand for. Repeating it changes nothing.

import { demoUsers } from "@webstore/kit";
import type { Passwords } from "./passwords.ts";
import type { UserStore } from "./user-store.ts";

export const demoPassword = "webstore-demo";

export async function seedDemoUsers(parts: {
  users: UserStore;
  passwords: Passwords;
  nowMs: () => number;
}): Promise<void> {
  const { users, passwords, nowMs } = parts;
  for (const { userId, username, role } of Object.values(demoUsers)) {
    // Looked for first, because hashing is what takes time at every start otherwise.
    if ((await users.find(userId)) !== undefined) continue;
    await users.add({
      userId,
      username,
      email: `${username}@example.com`,
      country: "US",
      role,
      passwordHash: await passwords.hash(demoPassword),
      createTimeMs: nowMs(),
    });
  }
}
