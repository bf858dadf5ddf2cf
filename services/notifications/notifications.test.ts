// Notifications over gRPC, Postgres, the bus and SMTP, and its fake, held to one contract; and what only the service
// has: one mail an event, whatever comes.

import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createFileRegistry, fromBinary, getOption } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { refusals as refusalsOption } from "@webstore/proto/es/options/v1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { notifications } from "./definition.ts";
import { fakeNotifications } from "./fake.ts";
import { notificationIdOf } from "./notification.ts";
import { notificationsContract } from "./notifications.contract.ts";
import { refusals } from "./refusals.ts";
import { customerId, eventOf, mugId, orderData } from "./testing-notifications.ts";
import { startTestService, type TestService } from "./testing-service.ts";

const admin = { token: "admin-token-456" };
const soon = { timeout: 15_000 };

notificationsContract("the fake of notifications", async () => {
  let clockMs = Date.now();
  const fake = fakeNotifications({ nowMs: () => clockMs++ });
  const put = async (is: { facts: Parameters<typeof fake.put>[0]; agoMs: number }) =>
    fake.put(is.facts, { createTimeMs: clockMs - is.agoMs });
  return { client: fake, put, stop: async () => {} };
});

notificationsContract("notifications over gRPC and Postgres", async () => {
  const started = await startTestService();
  const { publish, sql, stop, as } = started;
  const baseMs = Date.now();
  return {
    client: as(admin),
    stop,
    put: async ({ facts: { kind: _, ...data }, agoMs }) => {
      const event = eventOf("OrderCreated", { ...data, status: "paid" });
      await publish("order-events", [event]);
      const notificationId = notificationIdOf(event.id, data.customerId);
      const dated =
        "update notifications.notifications set create_time = $2 where notification_id = $1 returning 1";
      const createTime = new Date(baseMs - agoMs);
      await expect.poll(async () => (await sql(dated, [notificationId, createTime])).length, soon).toBe(1);
      return notificationId;
    },
  };
});

test("the contract names exactly the reasons that notifications has", () => {
  const bytes = readFileSync(new URL(import.meta.resolve("@webstore/proto/descriptors.binpb")));
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, bytes));
  const contract = registry.getService(notifications.serves.fullName);
  const named = contract?.methods.flatMap((method) => getOption(method, refusalsOption));
  expect([...new Set(named)].sort()).toEqual(Object.keys(refusals.entries).sort());
});

describe("the notifications service", () => {
  let subject: TestService;
  beforeAll(async () => {
    subject = await startTestService();
  });
  afterAll(() => subject?.stop());

  const mailsAbout = (orderId: string) =>
    subject.mailServer.taken.filter(({ mail }) => mail.text?.includes(orderId)).map(({ mail }) => mail);
  const page = {
    customerId: "",
    status: "NOTIFICATION_STATUS_UNSPECIFIED",
    pageSize: 0,
    pageToken: "",
  } as const;
  const listed = async (orderId: string) =>
    (await subject.as(admin).listNotifications({ ...page, orderId })).notifications;
  const sent = (orderId: string, count: number) =>
    expect
      .poll(
        async () => (await listed(orderId)).filter(({ status }) => status === "NOTIFICATION_STATUS_SENT"),
        soon,
      )
      .toHaveLength(count);
  const deadLetters = (topic: string) =>
    subject.sql<{ headers: Record<string, string>; key: string }>(
      "select headers, key from bus.messages where topic = $1",
      [topic],
    );

  test("a paid order is one mail, though its event comes five times", async () => {
    const data = orderData();
    const event = eventOf("OrderCreated", data);
    await subject.publish("order-events", [event, event, event]);
    await subject.publish("order-events", [event]);
    await sent(data.orderId, 1);
    // Behind the same key, so that it is heard after all of them.
    await subject.publish("order-events", [event, eventOf("OrderProcessing", data)]);
    await sent(data.orderId, 2);
    expect(
      mailsAbout(data.orderId)
        .map(({ subject: line }) => line?.replace(/[0-9A-F]{8}/, "…"))
        .sort(),
    ).toEqual(["We are preparing your order …", "Your order … is paid"]);
    const noted = await subject.sql("select 1 from notifications.inbox where event_id = $1", [event.id]);
    expect(noted).toHaveLength(1);
    const [taken] = subject.mailServer.taken.slice(-1);
    expect(taken?.to).toEqual(["ada@example.com"]);
    expect(mailsAbout(data.orderId)[0]?.text).toContain("2 × Blue mug");
  });

  test("each of an order's events is told, and those that are not for customers are not", async () => {
    const data = orderData();
    const { orderId, currency } = data;
    const about = { orderId, customerId, currency };
    await subject.publish("order-events", [
      eventOf("OrderCreated", { ...data, status: "new", totalAmount: "0.00" }),
      eventOf("OrderCreated", data),
      eventOf("CartClearDue", about),
      eventOf("OrderProcessing", data),
      eventOf("OrderShipped", data),
      eventOf("OrderDelivered", data),
      eventOf("OrderCancelRequested", about),
      eventOf("OrderRefunded", { ...about, amount: "1.00", refundedTotal: "1.00" }),
      eventOf("OrderCancelled", { ...about, refundAmount: "50.32", feeAmount: "2.65" }),
    ]);
    const payment = { ...about, paymentId: randomUUID(), amount: "52.97", status: "captured" };
    await subject.publish("payment-topic", [
      eventOf("PaymentDone", payment),
      eventOf("PaymentRefunded", { ...payment, amount: "50.32", refundId: randomUUID() }),
    ]);
    await sent(orderId, 6);
    expect((await listed(orderId)).map(({ kind }) => kind).sort()).toEqual([
      "order_cancelled",
      "order_delivered",
      "order_paid",
      "order_processing",
      "order_shipped",
      "payment_refunded",
    ]);
    expect(new Set(mailsAbout(orderId).map(({ messageId }) => messageId)).size).toBe(6);
    expect(await deadLetters("payment-topic-dlq")).toEqual([]);
  });

  test("an event that nobody can read is a dead letter at once, and holds up nobody", async () => {
    const bad = { ...orderData(), totalAmount: "<script>" };
    const good = { ...orderData(), orderId: bad.orderId };
    const unknown = eventOf("OrderEaten", bad);
    await subject.publish("order-events", [
      eventOf("OrderCreated", bad),
      unknown,
      eventOf("OrderCreated", good),
    ]);
    await sent(bad.orderId, 1);
    const letters = (await deadLetters("orders-dlq")).filter(({ key }) => key === bad.orderId);
    expect(letters.map(({ headers }) => [headers.error_reason, headers.attempts])).toEqual([
      ["Refusal: kit/invalid_request", "1"],
      ["Unreadable: no_processor", "1"],
    ]);
  });

  test("a customer whom nobody knows is a failed notification, which staff can see", async () => {
    const data = orderData({ customerId: randomUUID() });
    await subject.publish("order-events", [eventOf("OrderCreated", data)]);
    await expect
      .poll(async () => (await listed(data.orderId)).map(({ status }) => status), soon)
      .toEqual(["NOTIFICATION_STATUS_FAILED"]);
    expect(await listed(data.orderId)).toMatchObject([
      { errorReason: "there is no such customer", attempts: 1 },
    ]);
  });

  test("what waits and what was given up is on /metrics", async () => {
    const metrics = async () => (await fetch(`${subject.running.urls.admin}/metrics`)).text();
    const unknown = orderData({ customerId: randomUUID() });
    await subject.publish("order-events", [eventOf("OrderCreated", unknown)]);
    await expect.poll(metrics, soon).toMatch(/^webstore_notifications_failed\{[^}]*\} [1-9]/m);
    await expect.poll(metrics, soon).toMatch(/^webstore_notifications_waiting\{[^}]*\} 0$/m);
    expect(await metrics()).toMatch(/^webstore_notifications_oldest_age_seconds\{[^}]*\} 0$/m);
  });

  test("a resending is a mail of its own", async () => {
    const data = orderData();
    await subject.publish("order-events", [eventOf("OrderCreated", data)]);
    await sent(data.orderId, 1);
    const [{ notificationId } = { notificationId: "" }] = await listed(data.orderId);
    const resend = { notificationId, resendId: randomUUID() };
    await Promise.all([1, 2, 3].map(() => subject.as(admin).resendNotification(resend)));
    await sent(data.orderId, 2);
    const ids = mailsAbout(data.orderId).map(({ messageId }) => messageId);
    expect([ids.length, new Set(ids).size]).toEqual([2, 2]);
  });

  test("nothing secret is kept, and no address", async () => {
    const secret = {
      paymentMethodToken: "pm_card_visa",
      clientSecret: "pi_1_secret_2",
      email: "ada@example.com",
    };
    const data = orderData(secret);
    await subject.publish("order-events", [eventOf("OrderCreated", data)]);
    await sent(data.orderId, 1);
    const rows = await subject.sql("select n::text from notifications.notifications n where order_id = $1", [
      data.orderId,
    ]);
    const everything = JSON.stringify([
      rows,
      mailsAbout(data.orderId)[0]?.text,
      mailsAbout(data.orderId)[0]?.html,
    ]);
    expect(JSON.stringify(rows)).toContain("a***@example.com");
    expect(everything).not.toMatch(/pm_card|_secret_|ada@example/);
  });

  test("staff look and resend; services, shoppers and strangers do not", async () => {
    const denied = { reason: "permission_denied" };
    const request = { ...page, orderId: "" };
    for (const means of [{ token: "user-token-123" }, { internal: true }]) {
      const client = subject.as(means);
      await expect(client.listNotifications(request)).rejects.toMatchObject(denied);
      const resend = { notificationId: mugId, resendId: mugId };
      await expect(client.resendNotification(resend)).rejects.toMatchObject(denied);
    }
    await expect(subject.as({}).listNotifications(request)).rejects.toMatchObject({
      reason: "unauthenticated",
    });
  });

  test.each([
    ["an order id that is none", { orderId: "1 or 1=1" }],
    ["a customer id that is none", { customerId: "ada" }],
    ["too large a page", { pageSize: 101 }],
    ["a long page token", { pageToken: "x".repeat(513) }],
  ])("%s is refused", async (_, bad) => {
    const asked = subject.as(admin).listNotifications({ ...page, orderId: "", ...bad });
    await expect(asked).rejects.toMatchObject({ reason: "invalid_request" });
  });

  test("a resend id that is none is refused and adds nothing", async () => {
    const resend = subject.as(admin).resendNotification({ notificationId: mugId, resendId: "again" });
    await expect(resend).rejects.toMatchObject({ reason: "invalid_request" });
  });
});
