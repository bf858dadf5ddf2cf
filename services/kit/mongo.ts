// The connection to MongoDB: a pool on one database, with writes that a majority has before they are answered.
//
// Invariants:
//   M1. What was answered is durable and is seen by every later read: writes go to a majority and its journal, reads to
//       the primary.
//   M2. An operation either leaves at once or fails within its time: none is buffered for a server that is not there.
//   M3. No transaction over several documents is used: what has to stand or fall together is one document.

import mongoose, { type Connection } from "mongoose";
import { connectPatiently } from "./connect.ts";
import type { Log } from "./log.ts";
import { Outage } from "./refusal.ts";

export type Mongo = {
  readonly connection: Connection;
  /** Runs what uses the connection; a server that is gone or silent becomes an Outage. What it refuses is passed on. */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Whether the server answers now. Never throws. */
  ready(): Promise<boolean>;
  close(): Promise<void>;
};

const connectTimeoutMs = 5_000;
const operationTimeoutMs = 5_000;

/** `url`: `mongodb://[user:password@]host:port,…/[database]?…`; `database` is the service's own. */
export async function openMongo(is: {
  url: string;
  database: string;
  poolMax: number;
  applicationName: string;
  log: Log;
  delayMs?: (ms: number) => Promise<void>;
}): Promise<Mongo> {
  const connection = await connectPatiently(() => connect(is), {
    what: "MongoDB",
    log: is.log,
    isOutage: isMongoOutage,
    delayMs: is.delayMs,
  });
  return {
    connection,
    run: async (work) => {
      try {
        return await work();
      } catch (error) {
        if (isMongoOutage(error)) throw new Outage("mongodb", "MongoDB did not answer", { cause: error });
        throw error;
      }
    },
    ready: async () => {
      try {
        await connection.getClient().db().command({ ping: 1 }, { timeoutMS: 1_000 });
        return true;
      } catch {
        return false;
      }
    },
    close: () => connection.close(),
  };
}

async function connect(is: {
  url: string;
  database: string;
  poolMax: number;
  applicationName: string;
}): Promise<Connection> {
  const connection = mongoose.createConnection(is.url, {
    dbName: is.database,
    appName: is.applicationName,
    maxPoolSize: is.poolMax,
    serverSelectionTimeoutMS: connectTimeoutMs,
    connectTimeoutMS: connectTimeoutMs,
    socketTimeoutMS: operationTimeoutMs + connectTimeoutMs,
    waitQueueTimeoutMS: operationTimeoutMs,
    writeConcern: { w: "majority", journal: true },
    readConcern: { level: "majority" },
    readPreference: "primary",
    // A repeated write that has no transaction may do twice what is not idempotent.
    retryWrites: false,
    bufferCommands: false,
    autoIndex: false,
  });
  try {
    return await connection.asPromise();
  } catch (error) {
    await connection.close().catch(() => {});
    throw error;
  }
}

/** Nobody answered in time, or nobody who may write, or not yet a majority: as the driver and the server name it. */
function isMongoOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof mongoose.mongo.MongoServerError && outageCodes.has(Number(error.code))) return true;
  return outageNames.has(error.name);
}

const outageNames: ReadonlySet<string> = new Set([
  "MongoNetworkError",
  "MongoNetworkTimeoutError",
  "MongoServerSelectionError",
  "MongooseServerSelectionError",
  "MongoWaitQueueTimeoutError",
  "MongoPoolClearedError",
  "MongoPoolClosedError",
  "MongoNotConnectedError",
  "MongoClientClosedError",
  "MongoTopologyClosedError",
  "MongoServerClosedError",
  "MongoOperationTimeoutError",
  // Written, but a majority has not confirmed it: whether it stands is not known.
  "MongoWriteConcernError",
]);

/** What a server answers that is stopping, has just lost or won an election, or ran out of the time it was given. */
const outageCodes: ReadonlySet<number> = new Set([
  6, // HostUnreachable
  7, // HostNotFound
  50, // MaxTimeMSExpired
  64, // WriteConcernTimeout
  89, // NetworkTimeout
  91, // ShutdownInProgress
  100, // UnsatisfiableWriteConcern
  134, // ReadConcernMajorityNotAvailableYet
  189, // PrimarySteppedDown
  262, // ExceededTimeLimit
  9001, // SocketException
  10058, // LegacyNotPrimary
  10107, // NotWritablePrimary
  11600, // InterruptedAtShutdown
  11602, // InterruptedDueToReplStateChange
  13435, // NotPrimaryNoSecondaryOk
  13436, // NotPrimaryOrSecondary
]);
