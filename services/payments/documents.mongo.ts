// What the stores in MongoDB have in common: documents that are typed and strict, and claims of those that are due.

import type { Mongo } from "@webstore/kit";
import type { Model, QueryFilter, UpdateQuery } from "mongoose";

/** The documents of one collection, and how they are asked for. */
export type Documents<D> = { readonly model: Model<D>; readonly run: Mongo["run"] };

/** For a schema: what is not in it is neither written nor asked for, and nothing is made behind our backs. */
export const strict = {
  strict: "throw",
  strictQuery: "throw",
  versionKey: false,
  autoCreate: false,
} as const;

/** For a query: what is read is the document as it was written, with whole numbers of 64 bits exact. */
export const asWritten = { lean: true, useBigInt64: true } as const;

/** There is one with that id, or with another value that has to be unique. */
export const isDuplicate = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === 11_000;

/** False: it was there. */
export async function addOnce(insert: Promise<unknown>): Promise<boolean> {
  try {
    await insert;
    return true;
  } catch (error) {
    if (isDuplicate(error)) return false;
    throw error;
  }
}

/**
 * Claims the longest due, each once, and gives them as they then are; `dueAt` and `attempts` are the fields of both. A
 * command a document, for only a document changes as a whole: whoever finds one due has made it due later with that.
 */
export async function claimDue<D>(
  { model, run }: Documents<D>,
  fields: { readonly dueAt: keyof D & string; readonly attempts: keyof D & string },
  { nowMs, leaseMs, limit }: { nowMs: number; leaseMs: number; limit: number },
): Promise<D[]> {
  const claimed: (D & { _id: unknown })[] = [];
  while (claimed.length < limit) {
    const due = { [fields.dueAt]: { $lte: new Date(nowMs) } };
    // The lease may be so short that what was claimed is due again by now.
    const others = { _id: { $nin: claimed.map(({ _id }) => _id) } };
    const change = {
      $set: { [fields.dueAt]: new Date(nowMs + leaseMs) },
      $inc: { [fields.attempts]: 1 },
    };
    const next = await run(() =>
      model.findOneAndUpdate({ ...due, ...others } as QueryFilter<D>, change as UpdateQuery<D>, {
        sort: { [fields.dueAt]: 1 },
        returnDocument: "after",
        ...asWritten,
      }),
    );
    if (next === null) break;
    claimed.push(next as unknown as D & { _id: unknown });
  }
  return claimed;
}
