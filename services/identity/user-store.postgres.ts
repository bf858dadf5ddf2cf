// Users in Postgres.

import { type Postgres, type Role, UniqueViolation } from "@webstore/kit";
import { type Account, emailKey, type PagePosition, type User } from "./user.ts";
import type { UserStore } from "./user-store.ts";

type Row = {
  user_id: string;
  username: string;
  email: string;
  country: string;
  role: Role;
  create_time: Date;
};

const columns = "user_id, username, email, country, role, create_time";

export function postgresUserStore(postgres: Postgres): UserStore {
  return {
    async add(account) {
      try {
        await postgres.commit([insertOf(account)]);
        return "added";
      } catch (error) {
        if (!(error instanceof UniqueViolation)) throw error;
        if (error.constraint === "users_username_key") return "username_taken";
        return error.constraint === "users_email_key_key" ? "email_taken" : "id_taken";
      }
    },

    async findAccount(username) {
      const [row] = await postgres.query<Row & { password_hash: string }>(
        `select ${columns}, password_hash from users where username = $1`,
        [username],
        "user_account",
      );
      return row === undefined ? undefined : { ...userOf(row), passwordHash: row.password_hash };
    },

    async find(userId) {
      const [row] = await postgres.query<Row>(
        `select ${columns} from users where user_id = $1`,
        [userId],
        "user_find",
      );
      return row === undefined ? undefined : userOf(row);
    },

    async setPasswordHash(userId, passwordHash) {
      const text = "update users set password_hash = $2 where user_id = $1";
      await postgres.commit([{ name: "user_set_password_hash", text, values: [userId, passwordHash] }]);
    },

    list: async ({ limit, after }) => (await listRows(postgres, limit, after)).map(userOf),
  };
}

function insertOf(account: Account) {
  const { userId, username, email, country, role, passwordHash, createTimeMs } = account;
  return {
    name: "user_add",
    text: `insert into users (${columns}, email_key, password_hash) values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    values: [userId, username, email, country, role, new Date(createTimeMs), emailKey(email), passwordHash],
  };
}

function listRows(postgres: Postgres, limit: number, after: PagePosition | undefined): Promise<Row[]> {
  const order = "order by create_time desc, user_id desc limit $1";
  if (after === undefined) {
    return postgres.query(`select ${columns} from users ${order}`, [limit], "user_list");
  }
  return postgres.query(
    `select ${columns} from users where (create_time, user_id) < ($2, $3) ${order}`,
    [limit, new Date(after.createTimeMs), after.userId],
    "user_list_after",
  );
}

function userOf(row: Row): User {
  return {
    userId: row.user_id,
    username: row.username,
    email: row.email,
    country: row.country,
    role: row.role,
    createTimeMs: row.create_time.getTime(),
  };
}
