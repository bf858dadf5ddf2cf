// The closed list of reasons for which identity refuses.

import { defineRefusals } from "@webstore/kit";

export const refusals = defineRefusals("identity", {
  username_taken: {
    code: "ALREADY_EXISTS",
    caller: "This username is taken.",
    operator: "Nothing to do; many from one address may be somebody listing our users.",
  },
  email_taken: {
    code: "ALREADY_EXISTS",
    caller: "There is an account with this e-mail address already.",
    operator: "Nothing to do; many from one address may be somebody listing our users.",
  },
  invalid_credentials: {
    code: "UNAUTHENTICATED",
    caller: "The username or the password is wrong.",
    operator: "Many at once are somebody guessing passwords: look at the addresses at the ingress.",
  },
  invalid_refresh_token: {
    code: "UNAUTHENTICATED",
    caller: "This refresh token is not valid. Log in again.",
    operator: "Expected after 30 days without a visit, and after a revoked login.",
  },
  refresh_token_reused: {
    code: "UNAUTHENTICATED",
    caller: "This refresh token was used before. Log in again.",
    operator: "A refresh token was stolen, or a client repeats Refresh; its whole login is revoked.",
  },
  user_not_found: {
    code: "NOT_FOUND",
    caller: "There is no such user.",
    operator: "Nothing to do; a shopper who asks for somebody else gets this too.",
  },
});
