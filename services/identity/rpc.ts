// The identity contract, method by method.

import { currentContext, type HandlersOf } from "@webstore/kit";
import type { IdentityServiceDefinition, TokenPair, User as UserMessage } from "@webstore/proto/identity/v1";
import { getUser } from "./get-user.ts";
import type { KeyRing } from "./key-ring.ts";
import { listUsers } from "./list-users.ts";
import { type LoginParts, login } from "./login.ts";
import { type RefreshParts, refresh } from "./refresh.ts";
import { register } from "./register.ts";
import type { IssuedTokens } from "./token-issuer.ts";
import type { User } from "./user.ts";

export type Parts = LoginParts & RefreshParts & { keys: KeyRing };

export function rpc(parts: Parts): HandlersOf<typeof IdentityServiceDefinition> {
  const { users, keys } = parts;
  return {
    register: async (request) => ({ userId: await register(parts, request) }),
    login: async (request) => ({ tokens: tokenPair(await login(parts, request)) }),
    refresh: async ({ refreshToken }) => ({ tokens: tokenPair(await refresh(parts, refreshToken)) }),
    getUser: async ({ userId }) => ({
      user: userMessage(await getUser(users, currentContext().principal, userId)),
    }),
    listUsers: async (request) => {
      const page = await listUsers(users, request);
      return { users: page.users.map(userMessage), nextPageToken: page.nextPageToken };
    },
    getJwks: async () => ({ jwksJson: await keys.jwks() }),
  };
}

function tokenPair({ accessToken, refreshToken, accessTokenLifeSeconds }: IssuedTokens): TokenPair {
  return { accessToken, refreshToken, tokenType: "Bearer", expiresIn: accessTokenLifeSeconds };
}

function userMessage({ userId, username, email, country, role, createTimeMs }: User): UserMessage {
  const roleMessage = role === "admin" ? "ROLE_ADMIN" : "ROLE_USER";
  return { userId, username, email, country, role: roleMessage, createTime: new Date(createTimeMs) };
}
