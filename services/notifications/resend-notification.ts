// Send a notification once more, to the customer's address of today. It is a notification of its own, with a
// Message-ID of its own, so that no mailbox takes it for the copy of the first.

import { type Notification, resendIdOf } from "./notification.ts";
import type { NotificationStore } from "./notification-store.ts";
import { refusals } from "./refusals.ts";

export type ResendParts = {
  readonly store: Pick<NotificationStore, "resend">;
  readonly wakeSender: () => void;
  readonly nowMs: () => number;
};

export async function resendNotification(
  { notificationId, resendId }: { readonly notificationId: string; readonly resendId: string },
  { store, wakeSender, nowMs }: ResendParts,
): Promise<Notification> {
  const newId = resendIdOf(notificationId, resendId);
  const added = await store.resend(notificationId, { newId, nowMs: nowMs() });
  if (added === undefined) throw refusals.refuse("notification_not_found");
  wakeSender();
  return added;
}
