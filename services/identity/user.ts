// The rules for users: what a name is, who may see whom, and where a page of users begins. Pure.
//
// Invariants:
//   U1. A username is compared in lower case, an e-mail address without regard to case; each belongs to one user.
//   U2. A shopper sees nobody but themselves, and cannot tell somebody else from nobody.

import { kitRefusals, type Principal, type Role } from "@webstore/kit";
import { refusals } from "./refusals.ts";

export type User = {
  readonly userId: string;
  readonly username: string;
  readonly email: string;
  readonly country: string;
  readonly role: Role;
  readonly createTimeMs: number;
};

/** What only a login may look at. */
export type Account = User & { readonly passwordHash: string };

export const pageSizeDefault = 20;

export const normalizeUsername = (username: string): string => username.toLowerCase();

/** Whether anybody can have this name; nobody else is worth looking for. */
export const isUsername = (username: string): boolean => /^[a-z0-9_.-]{3,32}$/.test(username);

/** What makes two e-mail addresses the same. */
export const emailKey = (email: string): string => email.toLowerCase();

/** Control characters pass for an address by the contract's pattern, and are none. */
export function refuseControlCharacters(text: string): void {
  if (/\p{Cc}/u.test(text)) throw kitRefusals.refuse("invalid_request");
}

/** Whom the request is about; `askedId` is empty for the caller. */
export function visibleUserId(principal: Principal, askedId: string): string {
  if (principal.kind !== "user") {
    if (askedId === "") throw kitRefusals.refuse("invalid_request");
    return askedId;
  }
  if (askedId === "") return principal.userId;
  if (askedId !== principal.userId && principal.role !== "admin") throw refusals.refuse("user_not_found");
  return askedId;
}

/** The last user of a page; the next page begins behind it. */
export type PagePosition = { readonly createTimeMs: number; readonly userId: string };

export function pageToken({ createTimeMs, userId }: PagePosition): string {
  return Buffer.from(`${createTimeMs} ${userId}`).toString("base64url");
}

export function pagePosition(token: string): PagePosition | undefined {
  if (token === "") return undefined;
  const text = Buffer.from(token, "base64url").toString("utf8");
  const [, time, userId] = /^(\d{1,15}) ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.exec(text) ?? [];
  if (time === undefined || userId === undefined) throw kitRefusals.refuse("invalid_request");
  return { createTimeMs: Number(time), userId };
}
