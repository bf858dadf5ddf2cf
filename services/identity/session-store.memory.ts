// Sessions in memory.

import { type RefreshToken, sessionsPerUserMax, spentTokensMax } from "./session.ts";
import type { SessionStore } from "./session-store.ts";

type Session = { userId: string; expireTimeMs: number; revoked: boolean; tokens: Map<string, Token> };
type Token = { expireTimeMs: number; spent: boolean };

export function memorySessionStore(): SessionStore {
  const sessions = new Map<string, Session>();

  return {
    async open({ sessionId, userId, tokenHash, nowMs, expireTimeMs }) {
      // A map keeps the order in which sessions were opened.
      const others = [...sessions].filter(([, session]) => session.userId === userId).reverse();
      others.forEach(([id, session], index) => {
        if (session.expireTimeMs <= nowMs || index >= sessionsPerUserMax - 1) sessions.delete(id);
      });
      const tokens = new Map([[tokenHash, { expireTimeMs, spent: false }]]);
      sessions.set(sessionId, { userId, expireTimeMs, revoked: false, tokens });
    },

    async find(tokenHash): Promise<RefreshToken | undefined> {
      for (const [sessionId, { userId, revoked, tokens }] of sessions) {
        const token = tokens.get(tokenHash);
        if (token !== undefined) return { sessionId, userId, revoked, ...token };
      }
      return undefined;
    },

    async rotate({ sessionId, tokenHash, nextTokenHash, expireTimeMs }) {
      const session = sessions.get(sessionId);
      const token = session?.tokens.get(tokenHash);
      if (session === undefined || session.revoked || token === undefined || token.spent) return false;
      token.spent = true;
      session.expireTimeMs = expireTimeMs;
      session.tokens.set(nextTokenHash, { expireTimeMs, spent: false });
      const forgotten = [...session.tokens.keys()].slice(0, -(spentTokensMax + 1));
      for (const hash of forgotten) session.tokens.delete(hash);
      return true;
    },

    async revoke(sessionId) {
      const session = sessions.get(sessionId);
      if (session !== undefined) session.revoked = true;
    },
  };
}
