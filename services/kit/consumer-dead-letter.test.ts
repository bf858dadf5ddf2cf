import { expect, test } from "vitest";
import { deadLetterOf } from "./consumer-dead-letter.ts";

const value = new TextEncoder().encode('{"card":"4000056655665556"}');
const deadLetterWith = (headers: Record<string, string>) =>
  deadLetterOf(
    { topic: "order-events", key: "o-1", value, headers, partition: 3, offset: 42n },
    { topic: "orders-dlq", group: "ledger", correlationId: "c-1", error: new Error("no"), attempts: 4 },
  );

test("secrets do not stay in the headers, told by their names or by their shapes; the others do", () => {
  const { headers } = deadLetterWith({
    origin: "elsewhere",
    redrive_count: "1",
    authorization: "Basic YWRhOmxvdmVsYWNl",
    cookie: "a=1; session=lovelace",
    "x-api-key": "lovelace",
    note: "paid with 4000 0566 5566 5556 by Bearer lovelace-1815",
    "4000056655665556": "a name of its own",
  });
  expect(headers).toMatchObject({ origin: "elsewhere", redrive_count: "1", attempts: "4" });
  expect(JSON.stringify(headers)).not.toMatch(/lovelace|5556|YWRh/);
  expect(Object.keys(headers)).toEqual(
    expect.arrayContaining(["authorization", "cookie", "x-api-key", "note"]),
  );
});

test("key and value are the original's, whatever is in them", () => {
  expect(deadLetterWith({})).toMatchObject({ key: "o-1", value });
});
