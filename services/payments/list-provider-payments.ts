// A page of the provider's own list of payments, with nothing of ours mixed in.

import { invalidRequest, Outage } from "@webstore/kit";
import type { Parts } from "./parts.ts";
import type { ListedPayment } from "./provider.ts";

const pageSizeDefault = 20;
const referencePattern = /^[A-Za-z0-9_]{1,255}$/;

export async function listProviderPayments(
  { provider }: Pick<Parts, "provider">,
  is: {
    createdSince: Date | undefined;
    createdBefore: Date | undefined;
    pageSize: number;
    pageToken: string;
  },
): Promise<{ payments: readonly ListedPayment[]; nextPageToken: string }> {
  const page = await provider.list({
    createdSinceMs: is.createdSince?.getTime(),
    createdBeforeMs: is.createdBefore?.getTime(),
    after: is.pageToken === "" ? undefined : referenceOf(is.pageToken),
    limit: is.pageSize || pageSizeDefault,
  });
  if (page.is === "unanswered") throw new Outage("payment-provider", "the provider has not answered");
  if (page.is === "refused") throw invalidRequest("page_token", "is not one of ours");
  const last = page.payments.at(-1);
  const nextPageToken = page.hasMore && last !== undefined ? tokenOf(last.reference) : "";
  return { payments: page.payments, nextPageToken };
}

const tokenOf = (reference: string): string => Buffer.from(reference).toString("base64url");

function referenceOf(token: string): string {
  const reference = Buffer.from(token, "base64url").toString();
  if (!referencePattern.test(reference)) throw invalidRequest("page_token", "is not one of ours");
  return reference;
}
