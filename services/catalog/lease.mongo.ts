// Leases in MongoDB: who holds one is the only one to change what it is named after.
//
// MongoDB itself changes one document atomically. Of the servers that speak its protocol not all do: FerretDB 1 reads,
// decides and writes, so that two changes under the same condition can both succeed. What is atomic on all of them is to
// insert a document under an id, and to delete one; a lease needs no more than these.
//
// Invariants:
//   L1. A lease is a document under its name: the one whose insert succeeds holds it.
//   L2. A holder that died is overtaken when its lease has run out, and only the lease that was seen is deleted. A lease
//       lasts longer than everything that is done under it can take, with room for clocks that differ.
//   L3. Nobody waits for one for ever.

import { randomUUID } from "node:crypto";
import { type Mongo, Outage } from "@webstore/kit";
import { Schema } from "mongoose";
import { isDuplicateKey } from "./duplicate-key.mongo.ts";

export type Leases = {
  /** Does the work while nobody else does any under the same name. */
  hold<T>(name: string, work: () => Promise<T>): Promise<T>;
};

type LeaseDocument = { _id: string; holder: string; until: Date };

export const leaseMs = 30_000;
export const waitMaxMs = 5_000;
const pollMs = { least: 2, most: 15 };

export function openMongoLeases(
  mongo: Mongo,
  is: {
    nowMs: () => number;
    random: () => number;
    delayMs: (ms: number) => Promise<void>;
  },
): Leases {
  const documents = mongo.connection.model("Lease", leaseSchema, "leases");

  /** Whether it is ours now. */
  async function take(name: string, holder: string): Promise<boolean> {
    try {
      await documents.insertOne({ _id: name, holder, until: new Date(is.nowMs() + leaseMs) });
      return true;
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      throw error;
    }
  }

  /** Whether nobody holds it any more. Those who wait only read, so that they do not slow down who works. */
  async function isFree(name: string): Promise<boolean> {
    const standing = await documents.findById(name).lean();
    if (standing === null) return true;
    if (standing.until.getTime() < is.nowMs()) await drop(name, standing.holder);
    return false;
  }

  const drop = (name: string, holder: string) => documents.deleteOne({ _id: name, holder });

  async function wait(name: string, holder: string): Promise<void> {
    const giveUpMs = is.nowMs() + waitMaxMs;
    while (!((await isFree(name)) && (await take(name, holder)))) {
      if (is.nowMs() > giveUpMs) throw new Outage("mongodb", "too many change the same thing at once");
      await is.delayMs(pollMs.least + is.random() * (pollMs.most - pollMs.least));
    }
  }

  return {
    hold: async (name, work) => {
      const holder = randomUUID();
      await mongo.run(async () => {
        if (!(await take(name, holder))) await wait(name, holder);
      });
      try {
        return await work();
      } finally {
        // What cannot be given back runs out.
        await drop(name, holder).catch(() => {});
      }
    },
  };
}

const leaseSchema = new Schema<LeaseDocument>(
  {
    _id: { type: String, required: true },
    holder: { type: String, required: true },
    until: { type: Date, required: true },
  },
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
