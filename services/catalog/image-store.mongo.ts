// Image files in MongoDB: a document an image, with its three files, so that all of them are there or none.
//
// Invariants:
//   M1. A document has at most 16 MiB. Three files of `fileBytesMax` stay far below, and a larger one is refused here, too.

import type { Mongo } from "@webstore/kit";
import { Schema } from "mongoose";
import { isDuplicateKey } from "./duplicate-key.mongo.ts";
import { fileBytesMax, type ImageSize } from "./image.ts";
import type { ImageStore } from "./image-store.ts";

type ImageDocument = { _id: string } & Record<ImageSize, Buffer>;

const collection = "images";

export function openMongoImageStore(mongo: Mongo): ImageStore {
  const documents = mongo.connection.model("Image", imageSchema, collection);
  return {
    put: async (imageId, { small, medium, large }) => {
      const document = {
        _id: imageId,
        small: bufferOf(small),
        medium: bufferOf(medium),
        large: bufferOf(large),
      };
      await mongo.run(async () => {
        try {
          await documents.insertOne(document);
        } catch (error) {
          // The first files of an id stay.
          if (!isDuplicateKey(error)) throw error;
        }
      });
    },
    get: async (imageId, size) => {
      const found = await mongo.run(() =>
        documents.findById(imageId, { [size]: 1 }, { promoteBuffers: true }).lean(),
      );
      return found?.[size];
    },
  };
}

const file = {
  type: Buffer,
  required: true,
  validate: {
    validator: (content: Buffer) => content.length > 0 && content.length <= fileBytesMax,
    message: `an image file must have 1 to ${fileBytesMax} bytes`,
  },
} as const;

const imageSchema = new Schema<ImageDocument>(
  { _id: { type: String, required: true }, small: file, medium: file, large: file },
  {
    strict: "throw",
    strictQuery: "throw",
    versionKey: false,
    timestamps: false,
    id: false,
    autoIndex: false,
    autoCreate: false,
  },
);

/** The same bytes, not a copy of them. */
const bufferOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);
