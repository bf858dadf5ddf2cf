// What MongoDB says of a document whose id is taken already.

import mongoose from "mongoose";

const duplicateKey = 11_000;

export function isDuplicateKey(error: unknown): boolean {
  return error instanceof mongoose.mongo.MongoServerError && error.code === duplicateKey;
}
