// Sessions and refresh tokens in Postgres. Whoever locks a session and its tokens locks the session first.

import type { Postgres } from "@webstore/kit";
import { sessionsPerUserMax, spentTokensMax } from "./session.ts";
import type { SessionStore } from "./session-store.ts";

// skip locked: two logins at once need not wait for each other's cleaning, let alone deadlock.
const forgetText = `
  delete from sessions where session_id in (
    select session_id from sessions
    where user_id = $1 and (expire_time <= $2 or session_id in (
      select session_id from sessions where user_id = $1 order by open_time desc offset ${sessionsPerUserMax - 1}
    ))
    for update skip locked
  )`;

const openText = `
  with opened as (
    insert into sessions (session_id, user_id, open_time, expire_time) values ($1, $2, $3, $4) returning session_id
  )
  insert into refresh_tokens (token_hash, session_id, generation, expire_time)
  select $5, session_id, 1, $4 from opened`;

const findText = `
  select session_id, user_id, refresh_tokens.expire_time, spend_time is not null as spent,
    revoke_time is not null as revoked
  from refresh_tokens join sessions using (session_id) where token_hash = $1`;

const rotateText = `
  with session as (
    select session_id from sessions where session_id = $1 and revoke_time is null for update
  ), spent as (
    update refresh_tokens set spend_time = $4 from session
    where token_hash = $2 and refresh_tokens.session_id = session.session_id and spend_time is null
    returning refresh_tokens.session_id, generation
  ), continued as (
    update sessions set expire_time = $5 from spent where sessions.session_id = spent.session_id
  ), forgotten as (
    delete from refresh_tokens using spent
    where refresh_tokens.session_id = spent.session_id
      and refresh_tokens.generation <= spent.generation - ${spentTokensMax}
  )
  insert into refresh_tokens (token_hash, session_id, generation, expire_time)
  select $3, session_id, generation + 1, $5 from spent
  returning generation`;

type Row = { session_id: string; user_id: string; expire_time: Date; spent: boolean; revoked: boolean };

export function postgresSessionStore(postgres: Postgres): SessionStore {
  return {
    async open({ sessionId, userId, tokenHash, nowMs, expireTimeMs }) {
      const [now, expireTime] = [new Date(nowMs), new Date(expireTimeMs)];
      await postgres.commit([
        { name: "session_forget", text: forgetText, values: [userId, now] },
        { name: "session_open", text: openText, values: [sessionId, userId, now, expireTime, tokenHash] },
      ]);
    },

    async find(tokenHash) {
      const [row] = await postgres.query<Row>(findText, [tokenHash], "session_find");
      if (row === undefined) return undefined;
      return {
        sessionId: row.session_id,
        userId: row.user_id,
        expireTimeMs: row.expire_time.getTime(),
        spent: row.spent,
        revoked: row.revoked,
      };
    },

    async rotate({ sessionId, tokenHash, nextTokenHash, nowMs, expireTimeMs }) {
      const values = [sessionId, tokenHash, nextTokenHash, new Date(nowMs), new Date(expireTimeMs)];
      const [added] = await postgres.commit([{ name: "session_rotate", text: rotateText, values }]);
      return added?.length === 1;
    },

    async revoke(sessionId, nowMs) {
      const text = "update sessions set revoke_time = coalesce(revoke_time, $2) where session_id = $1";
      await postgres.commit([{ name: "session_revoke", text, values: [sessionId, new Date(nowMs)] }]);
    },
  };
}
