import type { ReceivedMessage } from "@webstore/kit";
import { describe, expect, test } from "vitest";
import { deadLetterOf, keyTextOf, redrivenMessage, redrivesMax } from "./dead-letter.ts";

const nowMs = Date.parse("2026-01-02T03:04:05.678Z");
const value = Buffer.from(`{"id":"e-1","name":"OrderCreated","data":{}}\n  ☕`);
const death = {
  correlation_id: "e-1",
  error_reason: "Refusal: order-processor/price_mismatch",
  source_topic: "order-events",
  source_partition: "3",
  source_offset: "42",
  attempts: "4",
  consumer_group: "order-processing-group",
};
const message = (is: Partial<ReceivedMessage> = {}): ReceivedMessage => ({
  topic: "orders-dlq",
  key: "o-1",
  value,
  headers: death,
  partition: 7,
  offset: 1_000n,
  ...is,
});
const letterOf = (is: Partial<ReceivedMessage> = {}) => deadLetterOf(message(is), nowMs);

test("a dead letter is what its headers say of it, and its content byte for byte", () => {
  const letter = letterOf({
    headers: { ...death, origin: "elsewhere", redrive_count: "2" },
    value: Buffer.from('{"name":"OrderCreated"}'),
  });
  expect(letter).toEqual({
    deadLetterId: expect.stringMatching(
      /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    ),
    sourceTopic: "order-events",
    sourcePartition: 3,
    sourceOffset: 42n,
    consumerGroup: "order-processing-group",
    eventName: "OrderCreated",
    key: Buffer.from("o-1"),
    correlationId: "e-1",
    errorReason: "Refusal: order-processor/price_mismatch",
    attempts: 4,
    redrives: 2,
    status: "dead",
    createTimeMs: nowMs,
    value: Buffer.from('{"name":"OrderCreated"}'),
    headers: { ...death, origin: "elsewhere", redrive_count: "2" },
  });
});

describe("the id", () => {
  const { deadLetterId } = letterOf();
  test("is the same wherever and however often the letter arrives", () => {
    const again = {
      partition: 2,
      offset: 7n,
      headers: { ...death, correlation_id: "t-2", error_reason: "other" },
    };
    expect(letterOf(again).deadLetterId).toBe(deadLetterId);
  });

  test.each<[string, Partial<ReceivedMessage>]>([
    ["place", { headers: { ...death, source_offset: "43" } }],
    ["partition", { headers: { ...death, source_partition: "4" } }],
    ["topic", { headers: { ...death, source_topic: "payment-topic" } }],
    ["group that gave it up", { headers: { ...death, consumer_group: "ledger" } }],
    ["key", { key: "o-2" }],
    ["content, on a bus that was made anew", { value: Buffer.from("other") }],
  ])("is another one for another %s", (_, is) => {
    expect(letterOf(is).deadLetterId).not.toBe(deadLetterId);
  });
});

describe("whatever lies on a dead letter topic can be kept", () => {
  test.each<[string, Record<string, string>]>([
    ["no headers", {}],
    ["a source that is no topic", { ...death, source_topic: "Robert'); drop table dead_letters; --" }],
    ["a source that is too long", { ...death, source_topic: "t".repeat(129) }],
    ["a partition that is none", { ...death, source_partition: "-1" }],
    ["an offset that is none", { ...death, source_offset: "1e9" }],
    ["an offset beyond all offsets", { ...death, source_offset: "9".repeat(19) }],
  ])("with %s: it came from where it lies", (_, headers) => {
    expect(letterOf({ headers })).toMatchObject({
      sourceTopic: "orders-dlq",
      sourcePartition: 7,
      sourceOffset: 1_000n,
    });
  });

  test.each([
    ["not JSON", Buffer.from([0xff, 0x00, 0x7b])],
    ["nothing", Buffer.alloc(0)],
    ["JSON without a name", Buffer.from("null")],
    ["a list", Buffer.from("[1]")],
    ["a name that is no text", Buffer.from('{"name":{"a":1}}')],
    ["a name that cannot be stored", Buffer.from('{"name":"a\\u0000b"}')],
    ["a name of half a character", Buffer.from('{"name":"\\ud800"}')],
    ["a name without end", Buffer.from(`{"name":"${"n".repeat(101)}"}`)],
  ])("%s is no event, and kept as it is", (_, bytes) => {
    const letter = letterOf({ value: bytes });
    expect(letter.eventName).toBe("");
    expect(Buffer.compare(Buffer.from(letter.value), bytes)).toBe(0);
  });

  test("what cannot be stored as text is left out, and what is too long is cut", () => {
    const odd = { "\0": "x", nul: "a\0b", half: "\ud800" };
    const long = { error_reason: `a\nb${"x".repeat(600)}`, attempts: "many", redrive_count: "-1" };
    const letter = letterOf({ headers: { ...death, ...odd, ...long } });
    expect(letter.headers).toEqual({ ...death, ...long });
    expect(letter.errorReason).toHaveLength(500);
    expect(letter.errorReason).toMatch(/^a b/);
    expect([letter.attempts, letter.redrives]).toEqual([0, 0]);
  });

  test("a key is shown when it is text", () => {
    expect(keyTextOf(Buffer.from("ключ"))).toBe("ключ");
    expect(keyTextOf(Buffer.from([0xff]))).toBe("");
    expect(keyTextOf(Buffer.from("a\0"))).toBe("");
  });
});

describe("a redriven message", () => {
  test("goes to where it came from, byte for byte, with the headers that it came with and how often", () => {
    const letter = letterOf({ key: "ключ", headers: { ...death, origin: "elsewhere" } });
    expect(redrivenMessage(letter)).toEqual({
      topic: "order-events",
      key: "ключ",
      value,
      headers: {
        correlation_id: "e-1",
        origin: "elsewhere",
        redrive_count: "1",
        redrive_group: "order-processing-group",
        dead_letter_id: letter.deadLetterId,
      },
    });
  });

  test("says once more each time, whatever it says of itself", () => {
    const headers = { ...death, redrive_count: "2", dead_letter_id: "older" };
    const letter = letterOf({ headers });
    expect(redrivenMessage(letter).headers).toMatchObject({
      redrive_count: String(redrivesMax),
      dead_letter_id: letter.deadLetterId,
    });
  });

  test("has so few headers that its count survives the next death", () => {
    const many = Object.fromEntries(Array.from({ length: 64 }, (_, n) => [`a${n}`, "x".repeat(400)]));
    const { headers } = redrivenMessage(letterOf({ headers: { ...many, ...death } }));
    const bytes = Object.entries(headers).reduce((sum, [name, text]) => sum + name.length + text.length, 0);
    // A consumer keeps 40 headers of 16 KiB.
    expect(Object.keys(headers).length).toBeLessThanOrEqual(40);
    expect(bytes).toBeLessThan(16_384);
    expect(headers.redrive_count).toBe("1");
  });
});
