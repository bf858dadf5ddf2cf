// MongoDB for tests of payments: a server in a container, and a database of its own for whoever asks.

import { type Mongo, openLog } from "@webstore/kit";
import { freshName } from "@webstore/kit/testing";
import { openMongo, startMongo } from "@webstore/kit/testing-container";
import mongoose from "mongoose";

export type TestMongo = {
  readonly url: string;
  /** How many connections a process may have. */
  readonly poolMax: number;
  open(): Promise<Mongo>;
  stop(): Promise<void>;
};

export async function startTestMongo(): Promise<TestMongo> {
  const server = await startMongo();
  const poolMax = await poolMaxOf(server.url);
  const opened: Mongo[] = [];
  return {
    url: server.url,
    poolMax,
    async open() {
      const log = openLog("test", { level: "silent" });
      const database = freshName();
      const mongo = await openMongo({
        url: server.url,
        database,
        poolMax,
        applicationName: "test",
        log,
      });
      opened.push(mongo);
      return mongo;
    },
    async stop() {
      for (const mongo of opened) await mongo.close();
      await server.stop();
    },
  };
}

/**
 * FerretDB speaks MongoDB's protocol, but reads and writes a document in two steps, between which another connection's
 * commands may come: two changes of one version are then both made. Over one connection its commands run one after the
 * other, as those of MongoDB on one document do on any number of connections.
 */
async function poolMaxOf(url: string): Promise<number> {
  const connection = await mongoose.createConnection(url).asPromise();
  try {
    const build = await connection.getClient().db("admin").command({ buildInfo: 1 });
    return "ferretdbVersion" in build ? 1 : 10;
  } finally {
    await connection.close();
  }
}
