// A page of the notifications that match, the newest first.

import { invalidRequest } from "@webstore/kit";
import type { Notification, PagePosition } from "./notification.ts";
import type { Filter, NotificationStore } from "./notification-store.ts";

const pageSizeDefault = 20;

export async function listNotifications(
  store: Pick<NotificationStore, "list">,
  filter: Filter,
  page: { readonly pageSize: number; readonly pageToken: string },
): Promise<{ notifications: Notification[]; nextPageToken: string }> {
  const after = page.pageToken === "" ? undefined : positionOf(page.pageToken);
  const limit = page.pageSize || pageSizeDefault;
  // One more than asked for tells whether there is a next page.
  const found = await store.list(filter, { limit: limit + 1, after });
  const notifications = found.slice(0, limit);
  const last = notifications.at(-1);
  return { notifications, nextPageToken: found.length > limit && last !== undefined ? tokenOf(last) : "" };
}

const positionPattern = /^(\d{1,15}) ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

function tokenOf({ createTimeMs, notificationId }: PagePosition): string {
  return Buffer.from(`${createTimeMs} ${notificationId}`).toString("base64url");
}

function positionOf(token: string): PagePosition {
  const [, time, notificationId] = positionPattern.exec(Buffer.from(token, "base64url").toString()) ?? [];
  if (time === undefined || notificationId === undefined)
    throw invalidRequest("page_token", "is not one of ours");
  return { createTimeMs: Number(time), notificationId };
}
