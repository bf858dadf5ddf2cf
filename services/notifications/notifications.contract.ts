// What notifications promises to staff who look into it; the fake and the service are both held to it.

import { randomUUID } from "node:crypto";
import type { HandlersOf } from "@webstore/kit";
import type { NotificationServiceDefinition } from "@webstore/proto/notifications/v1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { paidFacts } from "./testing-notifications.ts";

export type NotificationsClient = HandlersOf<typeof NotificationServiceDefinition>;

export type Subject = {
  readonly client: NotificationsClient;
  /** Makes a notification of a paid order, from so long ago, and gives its id. */
  put(is: { facts: ReturnType<typeof paidFacts>; agoMs: number }): Promise<string>;
  stop(): Promise<void>;
};

const everything = {
  orderId: "",
  customerId: "",
  status: "NOTIFICATION_STATUS_UNSPECIFIED",
  pageSize: 0,
  pageToken: "",
} as const;

export function notificationsContract(name: string, start: () => Promise<Subject>): void {
  describe(name, () => {
    let subject: Subject;
    beforeAll(async () => {
      subject = await start();
    });
    afterAll(() => subject?.stop());

    const put = async (facts = paidFacts(), agoMs = 0) => subject.put({ facts, agoMs });
    const list = (filter: Partial<Parameters<NotificationsClient["listNotifications"]>[0]>) =>
      subject.client.listNotifications({ ...everything, ...filter });

    test("shows a notification by its order", async () => {
      const facts = paidFacts({ customerId: randomUUID() });
      const notificationId = await put(facts);
      const { notifications, nextPageToken } = await list({ orderId: facts.orderId });
      expect(nextPageToken).toBe("");
      expect(notifications).toMatchObject([
        {
          notificationId,
          orderId: facts.orderId,
          customerId: facts.customerId,
          kind: "order_paid",
          subject: expect.stringMatching(/^Your order [0-9A-F]{8} is paid$/),
          createTime: expect.any(Date),
        },
      ]);
    });

    test("shows those of a customer, the newest first, a page at a time, none twice", async () => {
      const customerId = randomUUID();
      const ids: string[] = [];
      for (const agoMs of [5_000, 4_000, 4_000, 4_000, 1_000])
        ids.push(await put(paidFacts({ customerId }), agoMs));
      await put();
      const pages: string[][] = [];
      let pageToken = "";
      do {
        const page = await list({ customerId, pageSize: 2, pageToken });
        pages.push(page.notifications.map(({ notificationId }) => notificationId));
        pageToken = page.nextPageToken;
      } while (pageToken !== "");
      expect(pages.map((page) => page.length)).toEqual([2, 2, 1]);
      expect(pages.flat()).toHaveLength(new Set(pages.flat()).size);
      expect(new Set(pages.flat())).toEqual(new Set(ids));
      expect([pages[0]?.[0], pages[2]?.[0]]).toEqual([ids[4], ids[0]]);
    });

    test("shows those in a status only", async () => {
      const facts = paidFacts();
      await put(facts);
      const { orderId } = facts;
      const found = async (status: Parameters<typeof list>[0]["status"]) =>
        (await list({ orderId, ...(status && { status }) })).notifications.length;
      expect(await found("NOTIFICATION_STATUS_UNSPECIFIED")).toBe(1);
      expect(await found("NOTIFICATION_STATUS_FAILED")).toBe(0);
    });

    test.each(["x", "bm9uc2Vuc2U", Buffer.from("1 or 1=1").toString("base64url")])(
      "refuses %s, which is no page token",
      async (pageToken) => {
        await expect(list({ pageToken })).rejects.toMatchObject({ reason: "invalid_request" });
      },
    );

    test("sends once more as a notification of its own, once for each resend id", async () => {
      const facts = paidFacts();
      const { orderId, customerId } = facts;
      const notificationId = await put(facts, 60_000);
      const resend = { notificationId, resendId: randomUUID() };
      const first = await subject.client.resendNotification(resend);
      const second = await subject.client.resendNotification(resend);
      expect(first.notification).toMatchObject({ orderId, customerId, kind: "order_paid" });
      expect(first.notification?.notificationId).not.toBe(notificationId);
      expect(second.notification?.notificationId).toBe(first.notification?.notificationId);
      const other = await subject.client.resendNotification({ ...resend, resendId: randomUUID() });
      const ids = (await list({ orderId })).notifications.map((each) => each.notificationId);
      expect(new Set(ids)).toEqual(
        new Set([notificationId, first.notification?.notificationId, other.notification?.notificationId]),
      );
      expect(ids).toHaveLength(3);
      expect(ids.at(-1)).toBe(notificationId);
    });

    test("does not send once more what never was", async () => {
      const unknown = { notificationId: randomUUID(), resendId: randomUUID() };
      await expect(subject.client.resendNotification(unknown)).rejects.toMatchObject({
        service: "notifications",
        reason: "notification_not_found",
      });
    });
  });
}
