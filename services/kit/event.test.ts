import { expect, test } from "vitest";
import type { Event, Message } from "./bus.ts";
import {
  checkMessages,
  encodeEvent,
  eventBytesMax,
  MessageRefused,
  messageLimits,
  readEvent,
} from "./event.ts";

const event: Event = {
  id: "6f1c3a52-7c1e-4f0b-9d5a-0a4f6f4c2b11",
  name: "OrderCreated",
  data: { orderId: "o-1", totalAmount: "19.99", note: "naïve ☕ \u0000 end" },
  occurredAt: "2026-01-02T03:04:05.678Z",
  traceparent: "",
};
const message: Message = { topic: "order-events", key: "o-1", value: Buffer.from("{}"), headers: {} };

test("an envelope is read back as it was written", () => {
  expect(readEvent(Buffer.from(encodeEvent(event)))).toEqual({ event });
});

test.each([
  ["empty", ""],
  ["cut off", '{"id":'],
  ["a byte order mark", `\uFEFF${encodeEvent(event)}`],
])("a value that is %s is not JSON", (_, text) => {
  expect(readEvent(Buffer.from(text))).toEqual({ problem: "not_json" });
});

test("bytes that are not UTF-8 are not JSON", () => {
  expect(readEvent(Uint8Array.from([0x22, 0xff, 0xfe, 0x22]))).toEqual({ problem: "not_json" });
});

test.each([
  ["null", null],
  ["a list", [event]],
  ["no id", { ...event, id: undefined }],
  ["an id that is no UUID", { ...event, id: "1; drop table outbox" }],
  ["no name", { ...event, name: "" }],
  ["a name that is too long", { ...event, name: "x".repeat(101) }],
  ["no data", { ...event, data: undefined }],
  ["a time that is none", { ...event, occurredAt: "yesterday" }],
  ["a traceparent that is no text", { ...event, traceparent: 7 }],
])("JSON with %s is no envelope", (_, json) => {
  expect(readEvent(Buffer.from(JSON.stringify(json)))).toEqual({ problem: "no_envelope" });
});

test.each([
  ["an id that is no UUID", { id: "order-1" }],
  ["no name", { name: "" }],
  ["no data", { data: undefined }],
  ["a traceparent that is too long", { traceparent: "0".repeat(101) }],
  ["too many bytes", { data: "☕".repeat(eventBytesMax / 3) }],
])("an event with %s does not leave", (_, wrong) => {
  expect(() => encodeEvent({ ...event, ...wrong })).toThrow(MessageRefused);
});

test.each([
  ["a topic with a space", { topic: "order events" }],
  ["no topic", { topic: "" }],
  ["a topic that is too long", { topic: "t".repeat(messageLimits.topicLengthMax + 1) }],
  ["a key with NUL", { key: "a\0b" }],
  ["a key that is half a character", { key: "\ud83d" }],
  ["a key that is too long", { key: "k".repeat(messageLimits.keyBytesMax + 1) }],
  ["a value that is too long", { value: new Uint8Array(messageLimits.valueBytesMax + 1) }],
  ["a header with NUL", { headers: { a: "\0" } }],
  ["too many headers", { headers: Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`h${n}`, ""])) }],
  ["headers that are too long", { headers: { a: "x".repeat(messageLimits.headerBytesMax) } }],
])("a message with %s is refused", (_, wrong) => {
  expect(() => checkMessages([message, { ...message, ...wrong }])).toThrow(MessageRefused);
});

test("too many messages at once are refused", () => {
  expect(() => checkMessages(new Array(messageLimits.messagesMax + 1).fill(message))).toThrow(MessageRefused);
});
