// REST: accounts and logins.

import { z } from "zod";
import { country, text } from "./rest-shapes.ts";
import { type Route, route } from "./route.ts";
import type { Storefront } from "./rpc.ts";

const tokensShape = z
  .strictObject({
    access_token: z.string(),
    refresh_token: z.string(),
    token_type: z.literal("Bearer"),
    expires_in: z.int().describe("Life of the access token in seconds."),
  })
  .meta({ id: "Tokens" });

type Tokens = { accessToken: string; refreshToken: string; tokenType: string; expiresIn: number };

/** Tokens must not be kept by anything between here and the caller. */
const tokensAnswer = (tokens: Tokens) => ({
  status: 200,
  headers: { "cache-control": "no-store" },
  body: {
    access_token: tokens.accessToken,
    refresh_token: tokens.refreshToken,
    token_type: tokens.tokenType,
    expires_in: tokens.expiresIn,
  },
});

export function accountRoutes(storefront: Storefront): Route[] {
  return [
    route("register", {
      tag: "account",
      summary: "Open an account.",
      body: z.strictObject({
        username: z.string().regex(/^[a-z0-9_.-]{3,32}$/, "must be 3 to 32 of a-z 0-9 _ . -"),
        email: text(254).regex(/^[^@\s]+@[^@\s]+\.[^@\s.]+$/, "must be an e-mail address"),
        password: z.string().min(8).max(128),
        country,
      }),
      answers: { 201: { description: "It is open.", schema: z.strictObject({ user_id: z.string() }) } },
      refusals: ["username_taken", "email_taken"],
      handle: async ({ body }) => {
        const { userId } = await storefront.register(body);
        return { status: 201, body: { user_id: userId } };
      },
    }),
    route("login", {
      tag: "account",
      summary: "Exchange a password for tokens.",
      body: z.strictObject({ username: text(254), password: z.string().min(1).max(128) }),
      answers: { 200: { description: "Logged in.", schema: tokensShape } },
      refusals: ["invalid_credentials"],
      handle: async ({ body }) => tokensAnswer(await storefront.login(body)),
    }),
    route("refresh", {
      tag: "account",
      summary: "Exchange a refresh token for new tokens, once.",
      body: z.strictObject({ refresh_token: z.string().min(1).max(4096) }),
      answers: { 200: { description: "Still logged in.", schema: tokensShape } },
      refusals: ["invalid_refresh_token", "refresh_token_reused"],
      handle: async ({ body }) =>
        tokensAnswer(await storefront.refresh({ refreshToken: body.refresh_token })),
    }),
  ];
}
