// The encoder against what people upload, by mistake or not.

import { crc32, deflateSync } from "node:zlib";
import { Outage } from "@webstore/kit";
import sharp from "sharp";
import { expect, test } from "vitest";
import { fileBytesMax, imageSizes } from "./image.ts";
import { openImageEncoder } from "./image-encoder.ts";
import { photograph, refusal } from "./testing-products.ts";

const encode = openImageEncoder();
const invalid = "INVALID_ARGUMENT catalog image_invalid";
const tooLarge = "INVALID_ARGUMENT catalog image_too_large";

/** A PNG of one colour with a true checksum everywhere, of any size, in few bytes. */
function png(width: number, height: number, rows = height): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(data.length);
    const sum = Buffer.alloc(4);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([1, 0, 0, 0, 0], 8);
  const pixels = deflateSync(Buffer.alloc(rows * (1 + Math.ceil(width / 8))), { level: 9 });
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk("IHDR", header),
    chunk("IDAT", pixels),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

test("a small file that would unpack to a huge picture is refused by its header, at once", async () => {
  const bomb = png(40_000, 40_000, 1_000);
  expect(bomb.length).toBeLessThan(100_000);
  const before = process.memoryUsage().rss;
  expect(await refusal(encode(bomb))).toBe(tooLarge);
  expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
});

test("40 million pixels are taken, and a few more are not", async () => {
  expect(await refusal(encode(png(8_000, 5_000)))).toBe("answered");
  expect(await refusal(encode(png(8_000, 5_001)))).toBe(tooLarge);
});

test("a header that promises more than the file holds is refused", async () => {
  expect(await refusal(encode(png(500, 500, 10)))).toBe(invalid);
});

test("a very long and thin image is made to fit into the square", async () => {
  const { width, height } = await encode(png(10, 40_000));
  expect([width, height]).toEqual([1, 1200]);
});

test.each(["png", "jpeg", "webp"] as const)("a %s that is cut off anywhere is refused", async (format) => {
  const whole = await noise(60, format);
  for (const share of [0.01, 0.1, 0.5, 0.9]) {
    const cut = whole.subarray(0, Math.max(12, Math.floor(whole.length * share)));
    expect([share, await refusal(encode(cut))]).toEqual([share, invalid]);
  }
});

test.each([
  ["nothing", Buffer.alloc(0)],
  ["text", Buffer.from("hello")],
  ["an SVG that includes a file", Buffer.from('<svg><image href="file:///etc/passwd"/></svg>')],
  ["a GIF", Buffer.from("GIF89a")],
  ["a TIFF", Buffer.from([0x49, 0x49, 0x2a, 0x00])],
  ["a PDF", Buffer.from("%PDF-1.7")],
  ["a sound in a RIFF container", Buffer.from("RIFF\u0004\u0000\u0000\u0000WAVEfmt ")],
  ["a PNG's first bytes and then an SVG", Buffer.concat([png(1, 1).subarray(0, 8), Buffer.from("<svg/>")])],
])("%s is refused", async (_, content) => {
  expect(await refusal(encode(content))).toBe(invalid);
});

test("metadata is left out, and an image lies as its camera was held", async () => {
  const content = await sharp(await photograph({ width: 60, height: 40, format: "jpeg" }))
    .withExif({ IFD0: { Artist: "Somebody", Orientation: "6" }, IFD3: { GPSLatitude: "51/1 30/1 0/1" } })
    .withMetadata({ orientation: 6 })
    .toBuffer();
  expect((await sharp(content).metadata()).exif).toBeDefined();
  const { width, height, files } = await encode(content);
  expect([width, height]).toEqual([40, 60]);
  for (const size of imageSizes) {
    const is = await sharp(files[size]).metadata();
    expect([is.exif, is.xmp, is.icc, is.orientation]).toEqual([undefined, undefined, undefined, undefined]);
    expect(Buffer.from(files[size]).includes("Somebody")).toBe(false);
  }
});

test("a small image is not enlarged, and what is transparent stays so", async () => {
  const content = await sharp({
    create: { width: 20, height: 10, channels: 4, background: { r: 1, g: 2, b: 3, alpha: 0 } },
  })
    .png()
    .toBuffer();
  const { files } = await encode(content);
  for (const size of imageSizes) {
    const is = await sharp(files[size]).metadata();
    expect([is.width, is.height, is.hasAlpha]).toEqual([20, 10, true]);
  }
});

test("no file is larger than its limit, even of an image that is nothing but noise", async () => {
  const { files } = await encode(await noise(1_200, "jpeg"));
  for (const size of imageSizes) expect(files[size].length).toBeLessThanOrEqual(fileBytesMax);
});

test("uploads beyond the queue are told to come later, and those in it are all made", async () => {
  const content = await photograph({ width: 800, height: 800 });
  const answers = await Promise.allSettled(Array.from({ length: 12 }, () => encode(content)));
  const refused = answers.flatMap((answer) => (answer.status === "rejected" ? [answer.reason] : []));
  expect(refused).toHaveLength(4);
  for (const reason of refused) expect(reason).toBeInstanceOf(Outage);
  expect(await refusal(encode(content))).toBe("answered");
});

/** The same at each run. */
function noise(pixels: number, format: "png" | "jpeg" | "webp"): Promise<Buffer> {
  const data = Buffer.alloc(pixels * pixels * 3);
  let state = 1;
  for (let index = 0; index < data.length; index += 1) {
    state = (state * 48_271) % 2_147_483_647;
    data[index] = state & 0xff;
  }
  return sharp(data, { raw: { width: pixels, height: pixels, channels: 3 } })
    .toFormat(format)
    .toBuffer();
}
