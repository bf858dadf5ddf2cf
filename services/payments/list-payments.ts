// A page of the payments that match, the newest first.

import { invalidRequest } from "@webstore/kit";
import type { Parts } from "./parts.ts";
import type { Payment } from "./payment.ts";
import type { PagePosition, PaymentFilter } from "./payment-store.ts";

const pageSizeDefault = 20;

export async function listPayments(
  { store }: Pick<Parts, "store">,
  filter: PaymentFilter,
  page: { pageSize: number; pageToken: string },
): Promise<{ payments: Payment[]; nextPageToken: string }> {
  const after = page.pageToken === "" ? undefined : positionOf(page.pageToken);
  const limit = page.pageSize || pageSizeDefault;
  // One more than asked for tells whether there is a next page.
  const found = await store.list(filter, { limit: limit + 1, after });
  const payments = found.slice(0, limit);
  const last = payments.at(-1);
  return { payments, nextPageToken: found.length > limit && last !== undefined ? tokenOf(last) : "" };
}

const positionPattern = /^(\d{1,15}) ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

function tokenOf({ createTimeMs, paymentId }: PagePosition): string {
  return Buffer.from(`${createTimeMs} ${paymentId}`).toString("base64url");
}

function positionOf(token: string): PagePosition {
  const [, timeText, paymentId] = positionPattern.exec(Buffer.from(token, "base64url").toString()) ?? [];
  if (timeText === undefined || paymentId === undefined) {
    throw invalidRequest("page_token", "is not one of ours");
  }
  return { createTimeMs: Number(timeText), paymentId };
}
