// Makes the three sizes of an image out of whatever somebody uploaded, with sharp.
//
// Invariants:
//   E1. Only the decoders of PNG, JPEG and WebP can be reached, and only after the first bytes have announced one of these.
//   E2. The size is read from the header and refused before a pixel is unpacked.
//   E3. One image at a time is unpacked, and once; a few wait; beyond that it is an outage, to be tried later.
//   E4. sharp is loaded when the first image comes: its native library takes tens of MiB that most processes never need.

import { Outage } from "@webstore/kit";
import {
  type EncodedImage,
  fileBytesMax,
  type ImageEncoder,
  type ImageFiles,
  imageFormatOf,
  imageSizePixels,
  uploadBytesMax,
  uploadPixelsMax,
} from "./image.ts";
import { refusals } from "./refusals.ts";

type Sharp = typeof import("sharp")["default"];
type Pixels = { data: Buffer; info: { width: number; height: number; channels: 1 | 2 | 3 | 4 } };

const waitingMax = 8;
const decodeTimeoutS = 8;
/** The first is what photographs need; the others are for what does not fit into a file then. */
const qualities = [80, 60, 40, 20];

export function openImageEncoder(): ImageEncoder {
  let loading: Promise<Sharp> | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return async (content) => {
    if (imageFormatOf(content) === undefined) throw refusals.refuse("image_invalid");
    if (content.length > uploadBytesMax) throw refusals.refuse("image_too_large");
    if (waiting >= waitingMax) throw new Outage("catalog", "too many images wait to be encoded");
    waiting += 1;
    loading ??= loadSharp();
    const turn = last.then(async () => encode(await (loading as Promise<Sharp>), content));
    last = turn.catch(() => {});
    try {
      return await turn;
    } finally {
      waiting -= 1;
    }
  };
}

async function loadSharp(): Promise<Sharp> {
  const { default: sharp } = await import("sharp");
  sharp.cache(false);
  sharp.concurrency(1);
  sharp.block({ operation: ["VipsForeignLoad"] });
  sharp.unblock({
    operation: ["VipsForeignLoadPngBuffer", "VipsForeignLoadJpegBuffer", "VipsForeignLoadWebpBuffer"],
  });
  return sharp;
}

async function encode(sharp: Sharp, content: Uint8Array): Promise<EncodedImage> {
  const large = await unpack(sharp, content);
  const { width, height } = large.info;
  const files: ImageFiles = {
    small: await pack(sharp, large, imageSizePixels.small),
    medium: await pack(sharp, large, imageSizePixels.medium),
    large: await pack(sharp, large, imageSizePixels.large),
  };
  return { width, height, files };
}

/** The pixels of the large size, upright and in sRGB. */
async function unpack(sharp: Sharp, content: Uint8Array): Promise<Pixels> {
  const limits = { failOn: "error", sequentialRead: true } as const;
  // Reads no more than the header, so it needs no limit, and the limit is to have its own reason.
  const header = await sharp(content, { ...limits, limitInputPixels: false })
    .metadata()
    .catch(invalid);
  if (header.width * header.height > uploadPixelsMax) throw refusals.refuse("image_too_large");
  return sharp(content, { ...limits, limitInputPixels: uploadPixelsMax })
    .timeout({ seconds: decodeTimeoutS })
    .autoOrient()
    .resize(box(imageSizePixels.large))
    .toColourspace("srgb")
    .raw()
    .toBuffer({ resolveWithObject: true })
    .catch(invalid);
}

async function pack(sharp: Sharp, { data, info }: Pixels, pixels: number): Promise<Uint8Array> {
  for (const quality of qualities) {
    const file = await sharp(data, { raw: info }).resize(box(pixels)).webp({ quality }).toBuffer();
    if (file.length <= fileBytesMax) return file;
  }
  throw refusals.refuse("image_too_large");
}

const box = (pixels: number) =>
  ({ width: pixels, height: pixels, fit: "inside", withoutEnlargement: true }) as const;

/** What a decoder throws is about the image, except that it took too long. Its text may hold what is in the file. */
function invalid(error: unknown): never {
  if (error instanceof Error && /timeout/i.test(error.message))
    throw new Outage("catalog", "an image took too long to decode");
  throw refusals.refuse("image_invalid");
}
