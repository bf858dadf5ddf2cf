// The rules that have nothing to do with a store.

import fc from "fast-check";
import { expect, test } from "vitest";
import { imageFormatOf, imageIdOf } from "./image.ts";
import { pageTokenOf, positionOf } from "./page-token.ts";
import { sortKeyOf, wordsOf } from "./product.ts";

const position = fc.record({
  productId: fc.uuid(),
  sortKey: fc.string({ unit: "grapheme", maxLength: 200 }).map(sortKeyOf),
});

test("a page token gives back its position, for its own filter only, within 512 characters", () => {
  fc.assert(
    fc.property(position, fc.string(), fc.string(), (is, filter, other) => {
      const token = pageTokenOf(is, filter);
      expect(token.length).toBeLessThanOrEqual(512);
      expect(positionOf(token, filter)).toEqual(is);
      if (other !== filter) expect(() => positionOf(token, other)).toThrow("page_token");
    }),
  );
});

test("a page token that was changed in any place is refused", () => {
  const token = pageTokenOf({ productId: "10000000-0000-4000-8000-000000000001", sortKey: "mug" }, "");
  for (let index = 0; index < token.length; index += 1) {
    const other = token[index] === "A" ? "B" : "A";
    expect(() => positionOf(token.slice(0, index) + other + token.slice(index + 1), "")).toThrow(
      "page_token",
    );
  }
});

test("any text at all is refused as a page token, and by nothing but a refusal", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(() => positionOf(text, "")).toThrow("The request is not valid: page_token");
    }),
  );
});

test("a sort key has no case, no accents and at most 80 characters", () => {
  expect(sortKeyOf("Étagère ÅNGSTRÖM")).toBe("etagere angstrom");
  expect(Array.from(sortKeyOf("\u{1f600}".repeat(200)))).toHaveLength(80);
});

test("words are runs of letters and digits, each once", () => {
  expect(wordsOf("Mug, mug & MÜG: 350 ml / it's — 日本")).toEqual(["mug", "350", "ml", "it", "s", "日本"]);
  expect(wordsOf("%_\\'\"\u0000()&|!:*")).toEqual([]);
});

test("whatever is in a text, its words hold letters and digits only", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      for (const word of wordsOf(text)) expect(word).toMatch(/^[\p{L}\p{N}]{1,40}$/u);
    }),
  );
});

test("an image's id is a UUID that depends on the product and on every byte", () => {
  const [a, b] = ["10000000-0000-4000-8000-000000000001", "10000000-0000-4000-8000-000000000002"];
  const id = imageIdOf(a, Buffer.from("x"));
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(imageIdOf(a, Buffer.from("x"))).toBe(id);
  expect(imageIdOf(b, Buffer.from("x"))).not.toBe(id);
  expect(imageIdOf(a, Buffer.from("y"))).not.toBe(id);
});

test("a format is told by the first bytes, and few bytes tell none", () => {
  expect(imageFormatOf(Buffer.from([0xff, 0xd8, 0xff, 0xe0]))).toBe("jpeg");
  expect(imageFormatOf(Buffer.from("RIFF\0\0\0\0WEBPVP8 "))).toBe("webp");
  for (const few of [[], [0xff], [0xff, 0xd8], [0x89, 0x50, 0x4e, 0x47]])
    expect(imageFormatOf(Buffer.from(few))).toBeUndefined();
});
