// The rules: ids that are computed, when an attempt is repeated, and what is shown of an address.

import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  attemptsMax,
  isAddress,
  masked,
  messageIdOf,
  notificationIdOf,
  resendIdOf,
  retriesMs,
  retryAfterMs,
} from "./notification.ts";

test("an event is tried after 1, 2 and 4 seconds, 30 seconds, 5 minutes, and hourly up to a day", () => {
  const seconds = retriesMs.map((ms) => ms / 1_000);
  expect(seconds.slice(0, 7)).toEqual([1, 2, 4, 30, 300, 3_600, 3_600]);
  expect(new Set(seconds.slice(5))).toEqual(new Set([3_600]));
  const daySeconds = 24 * 3_600;
  const allSeconds = seconds.reduce((sum, each) => sum + each, 0);
  expect(allSeconds).toBeLessThanOrEqual(daySeconds);
  expect(allSeconds).toBeGreaterThan(daySeconds - 3_600);
  expect(retryAfterMs(1)).toBe(1_000);
  expect(retryAfterMs(attemptsMax - 1)).toBe(3_600_000);
  expect(retryAfterMs(attemptsMax)).toBeUndefined();
});

test("one event for one customer is one id, and another event or customer another", () => {
  const [event, other, customer] = [randomUUID(), randomUUID(), randomUUID()];
  const id = notificationIdOf(event, customer);
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(notificationIdOf(event, customer)).toBe(id);
  const others = [
    notificationIdOf(other, customer),
    notificationIdOf(customer, event),
    resendIdOf(event, customer),
  ];
  expect(new Set([id, ...others]).size).toBe(4);
});

test("a Message-ID is the notification's id at the sender's domain", () => {
  expect(messageIdOf("id", "orders@shop.example")).toBe("<id@shop.example>");
});

test.each([
  ["ada@example.com", "a***@example.com"],
  ["a@example.com", "a***@example.com"],
  ["@example.com", "***"],
  ["", "***"],
])("%s is shown as %s", (address, shown) => {
  expect(masked(address)).toBe(shown);
});

test("of an address no more than the first letter and the domain is shown", () => {
  fc.assert(
    fc.property(fc.emailAddress(), (address) => {
      const [local = "", domain = ""] = address.split("@");
      expect(masked(address)).toBe(`${local[0]}***@${domain}`);
    }),
  );
});

describe("an address", () => {
  test.each([
    "ada@example.com",
    "ada+shop@mail.example.co.uk",
    "jürgen@bücher.example",
    "o'neil@example.com",
  ])("may be %s", (address) => expect(isAddress(address)).toBe(true));

  test.each([
    "ada@example",
    "ada",
    "",
    "ada@example.com,eve@evil.example",
    "ada;eve@evil.example",
    "Ada <ada@example.com>",
    "ada@example.com\r\nRCPT TO:<eve@evil.example>",
    "ada@example.com\u2028",
    "ada\0@example.com",
    '"ada"@example.com',
    "ada@eve@example.com",
    "group:ada@example.com",
    `${"a".repeat(250)}@example.com`,
  ])("must not be %j", (address) => expect(isAddress(address)).toBe(false));
});
