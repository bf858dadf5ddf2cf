import { expect, test } from "vitest";
import { holdsCardNumber } from "./card-number.ts";

test.each([
  "4242424242424242",
  "4000 0566 5566 5556",
  "my card is 4000-0566-5566-5556, thanks",
  "378282246310005",
  "6011 1111 1111 1117, 12/30",
  "card4242424242424242",
  "a4242424242424242f",
])("%s holds a card number", (text) => {
  expect(holdsCardNumber(text)).toBe(true);
});

test.each([
  "4242424242424241",
  "1 Main St, 12345 Springfield",
  "+1 503 555 0100",
  "42424242-4242-4242-8424-242424242424",
  "refund of 42424242-4242-4242-8424-242424242424",
  "2026-11-21T12:00:00.000Z",
  "a".repeat(5_000),
  "42424242424242424242424242424242",
  `t=1700000000,v1=${"0123456789abcdef".repeat(2)}a4242424242424242f${"0".repeat(14)}`,
])("%s holds none", (text) => {
  expect(holdsCardNumber(text)).toBe(false);
});
