// A real Postgres server in a data folder, for a machine that has none: made at the first start, kept afterwards.
//
// It runs in a process group of its own, so that ctrl-C reaches the services, which drain, and not the server
// below them. When its owner is killed the server stays; the next start takes it over.
//
// Invariants:
//   S1. What is committed survives: fsync and synchronous_commit stay on, unless the data is a test's.
//   S2. It listens on 127.0.0.1, and on a socket file in its own folder where there may be one; it asks for a password
//       (scram) on both.
//   S3. Whoever starts it owns the folder (embedded-postgres-folder.ts); stop() gives both back.
//   S4. A server is taken over only if it runs on this folder and answers; otherwise it is stopped first.

import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { arch, platform } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import {
  commandOf,
  isAlive,
  type Keys,
  lockFolder,
  openFolder,
  type Places,
  placesFor,
  readIfThere,
  readKeys,
  type ServerUser,
  serverUser,
  writeKeys,
} from "./embedded-postgres-folder.ts";
import { mayBeSocket } from "./unix-socket.ts";

export type EmbeddedPostgresOptions = {
  readonly dataDir: string;
  /** Without it: a free one, chosen at the first start and kept. */
  readonly port?: number;
  readonly log: (message: string) => void;
  /** True for tests only: faster, and a crash of the machine may lose or break everything. */
  readonly losesDataInCrash?: boolean;
};

export type EmbeddedPostgres = {
  /** With the password; not for logs. */
  readonly url: string;
  readonly pid: number;
  readonly startedMs: number;
  /** The same by a Unix socket, which costs both ends less than loopback; `url` where there is none. */
  readonly socketUrl: string;
  /** Whether the server was running already, left by an owner that was killed. */
  readonly adopted: boolean;
  /** Ends all its connections, stops the server and gives the folder back. */
  stop(): Promise<void>;
};

const user = "webstore";
const startTimeoutMs = 60_000;
const stopTimeoutMs = 20_000;
const pollMs = 10;
const logBytesMax = 10_000_000;
/** Above every system's highest process number. */
const noProcess = 999_999_999;

/** Starts the folder's server, or takes over the one that runs. Errors are one line, for the person at the terminal. */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const beganAt = performance.now();
  const folder = openFolder(options.dataDir);
  const unlock = lockFolder(folder);
  try {
    const runsAs = serverUser(options.log);
    const places = placesFor(folder, await findBinaries(), runsAs, options.log);
    const keys = readKeys(folder);
    const log = join(folder, "postgres.log");
    let pid = await adopt(places, keys, options);
    const adopted = pid !== undefined;
    if (pid === undefined) {
      ensureCluster(places, keys, runsAs, options);
      keys.port = await choosePort(options.port, keys.port);
      writeKeys(folder, keys);
      pid = await startAfterPredecessor(() =>
        startServer(places, keys.port, runsAs, log, options.losesDataInCrash === true),
      );
    }
    const server = pid;
    let stopping: Promise<void> | undefined;
    return {
      url: urlOf(keys),
      socketUrl: socketUrlOf(keys, places.cluster),
      pid: server,
      startedMs: Math.round(performance.now() - beganAt),
      adopted,
      stop: () => {
        stopping ??= stopServer(server).finally(unlock);
        return stopping;
      },
    };
  } catch (error) {
    unlock();
    throw error;
  }
}

const urlOf = ({ port, password }: Keys): string =>
  `postgres://${user}:${password}@127.0.0.1:${port}/postgres`;

const hasSocket = (cluster: string): boolean => mayBeSocket(join(cluster, ".s.PGSQL.65535"));

function socketUrlOf(keys: Keys, cluster: string): string {
  const isThere = hasSocket(cluster) && existsSync(join(cluster, `.s.PGSQL.${keys.port}`));
  if (!isThere) return urlOf(keys);
  return `postgres://${user}:${keys.password}@${encodeURIComponent(cluster)}:${keys.port}/postgres`;
}

async function findBinaries(): Promise<string> {
  const system = platform() === "win32" ? "windows" : platform();
  try {
    const found = (await import(`@embedded-postgres/${system}-${arch()}`)) as { postgres: string };
    return dirname(found.postgres);
  } catch {
    throw new Error(`there is no embedded Postgres for ${system}-${arch()} here; give DATABASE_URL instead`);
  }
}

/** The process of a server that already runs on this cluster and answers; stops one that does not. */
async function adopt(
  places: Places,
  keys: Keys,
  options: EmbeddedPostgresOptions,
): Promise<number | undefined> {
  const pidFile = join(places.cluster, "postmaster.pid");
  const text = readIfThere(pidFile);
  if (text === undefined) return undefined;
  const pid = Number(text.split("\n")[0]);
  if (isServerOf(pid, places.cluster)) {
    const port = Number(text.split("\n")[3]);
    const wanted = options.port === undefined || options.port === 0 || options.port === port;
    if (wanted && (await answers({ ...keys, port }, places.cluster))) {
      keys.port = port;
      options.log(`took over the database that was still running (process ${pid})`);
      return pid;
    }
    options.log(`stopping the database that was still running (process ${pid})`);
    await stopServer(pid);
  }
  // It is gone, but its number may be another process's now, or a zombie's where nobody reaps: Postgres would
  // take that for its predecessor. The rest of the file stays, for it shows whether its workers are gone too.
  const left = readIfThere(pidFile);
  if (left !== undefined) writeFileSync(pidFile, left.replace(/^.*$/m, String(noProcess)));
  // The socket has a lock of its own, with the same number in it.
  for (const file of readdirSync(places.cluster)) {
    if (file.startsWith(".s.PGSQL.")) rmSync(join(places.cluster, file), { force: true });
  }
  return undefined;
}

const isServerOf = (pid: number, cluster: string): boolean => {
  const command = commandOf(pid);
  return command.includes("postgres") && command.includes(cluster);
};

async function answers(keys: Keys, cluster: string): Promise<boolean> {
  const client = new pg.Client({
    connectionString: urlOf(keys),
    connectionTimeoutMillis: 5_000,
    query_timeout: 5_000,
  });
  client.on("error", () => {});
  try {
    await client.connect();
    const { rows } = await client.query<{ at: string }>("select current_setting('data_directory') as at");
    return rows[0]?.at === cluster;
  } catch {
    return false;
  } finally {
    await client.end();
  }
}

/** Makes the cluster if it is not there; refuses one that this server cannot run on. */
function ensureCluster(
  places: Places,
  keys: Keys,
  runsAs: ServerUser,
  options: EmbeddedPostgresOptions,
): void {
  const { cluster, binaries } = places;
  const version = readIfThere(join(cluster, "PG_VERSION"))?.trim();
  if (version !== undefined) {
    const major = /(\d+)/.exec(
      spawnSync(join(binaries, "postgres"), ["--version"], { encoding: "utf8" }).stdout,
    )?.[1];
    if (version !== major)
      throw new Error(`${cluster} was made by Postgres ${version}; this is Postgres ${major}`);
    return;
  }
  if (statSync(cluster, { throwIfNoEntry: false }) !== undefined) {
    throw new Error(`${cluster} is damaged: its PG_VERSION is missing`);
  }
  const draft = `${cluster}.new`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { mode: 0o700 });
  // Beside the draft, which has to be empty.
  const passwordFile = `${draft}.password`;
  try {
    writeFileSync(passwordFile, `${keys.password}\n`, { mode: 0o600 });
    for (const path of runsAs ? [draft, passwordFile] : [])
      chownSync(path, runsAs?.uid ?? 0, runsAs?.gid ?? 0);
    const made = spawnSync(
      join(binaries, "initdb"),
      [
        ...["-D", draft, "-U", user, `--pwfile=${passwordFile}`, "--auth=scram-sha-256", "--encoding=UTF8"],
        ...["--locale-provider=builtin", "--locale=C.UTF-8", "--no-instructions"],
        ...(options.losesDataInCrash === true ? ["--no-sync"] : []),
      ],
      { ...runsAs, cwd: "/", encoding: "utf8", env: serverEnvironment(), timeout: startTimeoutMs },
    );
    if (made.status !== 0) throw new Error(`the database could not be made: ${reasonIn(made.stderr ?? "")}`);
    renameSync(draft, cluster);
  } finally {
    rmSync(passwordFile, { force: true });
    rmSync(draft, { recursive: true, force: true });
  }
}

const serverEnvironment = (): NodeJS.ProcessEnv => ({ PATH: process.env.PATH, LC_ALL: "C", TZ: "UTC" });

async function choosePort(wanted: number | undefined, kept: number): Promise<number> {
  if (wanted !== undefined && wanted !== 0) {
    if ((await tryPort(wanted)) === undefined)
      throw new Error(`port ${wanted} is taken; give the database another one`);
    return wanted;
  }
  const port = (kept === 0 ? undefined : await tryPort(kept)) ?? (await tryPort(0));
  if (port === undefined) throw new Error("there is no free port for the database");
  return port;
}

/** The port, if it is free; for 0 one that is. */
function tryPort(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(undefined));
    probe.listen(port, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(address !== null && typeof address === "object" ? address.port : undefined));
    });
  });
}

function settings(cluster: string, losesDataInCrash: boolean): string[] {
  const values = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: hasSocket(cluster) ? cluster : "",
    password_encryption: "scram-sha-256",
    max_connections: "120",
    shared_buffers: "64MB",
    work_mem: "4MB",
    maintenance_work_mem: "32MB",
    max_wal_size: "512MB",
    huge_pages: "off",
    jit: "off",
    // Worker processes that read ahead cost memory and gain nothing on data that fits into it.
    io_method: "sync",
    max_parallel_workers: "0",
    max_parallel_workers_per_gather: "0",
    wal_level: "minimal",
    max_wal_senders: "0",
    autovacuum: "on",
    fsync: losesDataInCrash ? "off" : "on",
    full_page_writes: losesDataInCrash ? "off" : "on",
    synchronous_commit: "on",
    logging_collector: "off",
    log_min_messages: "warning",
    // A failed statement's text may hold a customer's data.
    log_min_error_statement: "panic",
    log_parameter_max_length_on_error: "0",
    log_error_verbosity: "terse",
  };
  return Object.entries(values).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

/** The workers of a server that was killed notice it, and end, in their own time; until then a new one refuses. */
async function startAfterPredecessor(start: () => Promise<number>): Promise<number> {
  const deadline = performance.now() + stopTimeoutMs;
  for (;;) {
    try {
      return await start();
    } catch (error) {
      const waits = error instanceof Error && error.message.includes("pre-existing shared memory");
      if (!waits || performance.now() > deadline) throw error;
      await delay(10 * pollMs);
    }
  }
}

async function startServer(
  { cluster, binaries }: Places,
  port: number,
  runsAs: ServerUser,
  logFile: string,
  losesDataInCrash: boolean,
): Promise<number> {
  if (statSync(logFile).size > logBytesMax) truncateSync(logFile);
  chmodSync(logFile, 0o600);
  const logFrom = statSync(logFile).size;
  const output = openSync(logFile, "a");
  const child = spawn(
    join(binaries, "postgres"),
    ["-D", cluster, "-p", String(port), ...settings(cluster, losesDataInCrash)],
    {
      ...runsAs,
      cwd: "/",
      detached: true,
      stdio: ["ignore", output, output],
      env: serverEnvironment(),
    },
  );
  closeSync(output);
  let ended = false;
  child.once("exit", () => {
    ended = true;
  });
  child.once("error", () => {
    ended = true;
  });
  child.unref();
  const deadline = performance.now() + startTimeoutMs;
  for (;;) {
    if (ended || child.pid === undefined) {
      const said = readFileSync(logFile).subarray(logFrom).toString("utf8");
      throw new Error(`the database in ${cluster} does not start: ${reasonIn(said)}`);
    }
    // The postmaster writes its state into the last line; pg_ctl waits for the same word.
    const lines = readIfThere(join(cluster, "postmaster.pid"))?.split("\n") ?? [];
    if (Number(lines[0]) === child.pid && lines[7]?.trim() === "ready") return child.pid;
    if (performance.now() > deadline) {
      await stopServer(child.pid);
      throw new Error(
        `the database in ${cluster} was not ready after ${startTimeoutMs / 1_000} s; see ${logFile}`,
      );
    }
    await delay(pollMs);
  }
}

/** The line of Postgres' output that says why. */
function reasonIn(output: string): string {
  const lines = output.split("\n").filter((line) => line.trim() !== "");
  const line =
    lines.findLast((text) => /(FATAL|PANIC|error):/.test(text)) ?? lines.at(-1) ?? "it says nothing";
  return line.replace(/^.*?(FATAL|PANIC|error):\s*/, "").trim();
}

/** Fast shutdown, then an immediate one, after which the next start recovers from the log. */
async function stopServer(pid: number): Promise<void> {
  for (const [signal, limitMs] of [
    ["SIGINT", stopTimeoutMs],
    ["SIGQUIT", 5_000],
    ["SIGKILL", 5_000],
  ] as const) {
    if (!isAlive(pid)) return;
    process.kill(pid, signal);
    const deadline = performance.now() + limitMs;
    while (isAlive(pid) && performance.now() < deadline) await delay(pollMs);
  }
  if (isAlive(pid)) throw new Error(`the database (process ${pid}) does not stop`);
}
