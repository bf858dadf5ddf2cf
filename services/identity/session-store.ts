// Sessions and their refresh tokens. Every implementation promises:
//   S1. A token is spent by one rotate only, however many try at the same time.
//   S2. Once a session is revoked, none of its tokens is good, not even one that a rotate adds at that moment.
//   S3. It stays small: opening a session forgets the user's expired ones and the oldest beyond
//       `sessionsPerUserMax`; rotating forgets spent tokens beyond `spentTokensMax`.

import type { RefreshToken } from "./session.ts";

export type SessionStore = {
  open(session: {
    sessionId: string;
    userId: string;
    tokenHash: string;
    nowMs: number;
    expireTimeMs: number;
  }): Promise<void>;
  find(tokenHash: string): Promise<RefreshToken | undefined>;
  /** Spends one token and adds the next. False, and nothing changed: it was spent or its session revoked. */
  rotate(is: {
    sessionId: string;
    tokenHash: string;
    nextTokenHash: string;
    nowMs: number;
    expireTimeMs: number;
  }): Promise<boolean>;
  revoke(sessionId: string, nowMs: number): Promise<void>;
};
