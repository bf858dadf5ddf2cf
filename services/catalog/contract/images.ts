// The catalog's contract: images are uploaded, shown and refused.

import { randomUUID } from "node:crypto";
import { ImageSize } from "@webstore/proto/catalog/v1";
import sharp from "sharp";
import { expect, test } from "vitest";
import { uploadBytesMax } from "../image.ts";
import { photograph, refusal } from "../testing-products.ts";
import type { Shop } from "./shop.ts";

export function imageTests({ anybody, staff, create, one }: Shop): void {
  test.each(["png", "jpeg", "webp"] as const)("a %s is kept in three sizes of WebP", async (format) => {
    const { productId } = await create();
    const content = await photograph({ width: 1600, height: 800, format });
    const { image } = await staff.uploadProductImage({ productId, content });
    const { imageId, urlPath, width, height } = image ?? expect.fail("no image");
    expect({ urlPath, width, height }).toEqual({ urlPath: `/images/${imageId}`, width: 1200, height: 600 });
    expect((await one(productId)).images).toEqual([image]);
    const sizes = [
      [ImageSize.IMAGE_SIZE_UNSPECIFIED, 480, 240],
      [ImageSize.IMAGE_SIZE_SMALL, 160, 80],
      [ImageSize.IMAGE_SIZE_MEDIUM, 480, 240],
      [ImageSize.IMAGE_SIZE_LARGE, 1200, 600],
    ] as const;
    for (const [size, wide, high] of sizes) {
      const file = await anybody.getProductImage({ imageId, size });
      expect(file.contentType).toBe("image/webp");
      const is = await sharp(file.content).metadata();
      expect([is.format, is.width, is.height]).toEqual(["webp", wide, high]);
    }
  });

  test("the same bytes are the same image of a product, and another one of another product", async () => {
    const [a, b] = [await create(), await create()];
    const content = await photograph();
    const answers = [];
    for (const { productId } of [a, a, b])
      answers.push(await staff.uploadProductImage({ productId, content }));
    expect(answers[0]).toEqual(answers[1]);
    expect(answers[2]?.image?.imageId).not.toBe(answers[0]?.image?.imageId);
    expect((await one(a.productId)).images).toHaveLength(1);
  });
}

export function imageRefusalTests({ anybody, staff, create, one }: Shop): void {
  test("a product has at most ten images, also when many come at once", async () => {
    const { productId } = await create();
    const contents = await Promise.all(
      Array.from({ length: 12 }, (_, index) => photograph({ shade: index * 20 })),
    );
    for (const content of contents.slice(0, 8)) await staff.uploadProductImage({ productId, content });
    const rest = await Promise.all(
      contents.slice(8).map((content) => refusal(staff.uploadProductImage({ productId, content }))),
    );
    const tooMany = "FAILED_PRECONDITION catalog too_many_images";
    expect(rest.sort()).toEqual([tooMany, tooMany, "answered", "answered"]);
    expect((await one(productId)).images).toHaveLength(10);
    const [content] = contents;
    expect(await refusal(staff.uploadProductImage({ productId, content: content as Buffer }))).toBe(
      "answered",
    );
  });

  test("what is not an image, or too large, is refused and changes nothing", async () => {
    const product = await create();
    const { productId } = product;
    const invalid = "INVALID_ARGUMENT catalog image_invalid";
    const tooLarge = "INVALID_ARGUMENT catalog image_too_large";
    const png = await photograph({ format: "png" });
    const uploads: [Buffer, string][] = [
      [Buffer.from("GIF89a\u0001\u0000\u0001\u0000"), invalid],
      [Buffer.from("<svg xmlns='http://www.w3.org/2000/svg'/>"), invalid],
      [png.subarray(0, png.length >> 1), invalid],
      [Buffer.alloc(uploadBytesMax + 1), invalid],
      [Buffer.concat([png, Buffer.alloc(uploadBytesMax)]), tooLarge],
    ];
    for (const [content, expected] of uploads)
      expect(await refusal(staff.uploadProductImage({ productId, content }))).toBe(expected);
    expect(await one(productId)).toEqual(product);
  });

  test("an image that is not there is refused", async () => {
    const answer = anybody.getProductImage({ imageId: randomUUID(), size: ImageSize.IMAGE_SIZE_SMALL });
    expect(await refusal(answer)).toBe("NOT_FOUND catalog image_not_found");
  });
}
