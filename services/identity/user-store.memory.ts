// Users in memory.

import { type Account, emailKey, type User } from "./user.ts";
import type { UserStore } from "./user-store.ts";

export function memoryUserStore(): UserStore {
  const accounts = new Map<string, Account>();
  const all = () => [...accounts.values()];

  return {
    async add(account) {
      if (accounts.has(account.userId)) return "id_taken";
      if (all().some(({ username }) => username === account.username)) return "username_taken";
      if (all().some(({ email }) => emailKey(email) === emailKey(account.email))) return "email_taken";
      accounts.set(account.userId, account);
      return "added";
    },
    findAccount: async (username) => all().find((account) => account.username === username),
    async find(userId) {
      const account = accounts.get(userId);
      return account === undefined ? undefined : userOf(account);
    },
    async setPasswordHash(userId, passwordHash) {
      const account = accounts.get(userId);
      if (account !== undefined) accounts.set(userId, { ...account, passwordHash });
    },
    list: async ({ limit, after }) =>
      all()
        .sort((a, b) => b.createTimeMs - a.createTimeMs || (a.userId < b.userId ? 1 : -1))
        .filter(
          ({ createTimeMs, userId }) =>
            after === undefined ||
            createTimeMs < after.createTimeMs ||
            (createTimeMs === after.createTimeMs && userId < after.userId),
        )
        .slice(0, limit)
        .map(userOf),
  };
}

function userOf({ passwordHash: _, ...user }: Account): User {
  return user;
}
