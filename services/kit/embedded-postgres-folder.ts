// The folder that an embedded Postgres lives in: whose it is, where its parts are, and who may run on it now.
//
//   <dataDir>/webstore.lock      the process that owns it at the moment
//   <dataDir>/server.json        port and password, for the owner's eyes only
//   <dataDir>/postgres.log       what the server says
//   <dataDir>/cluster/           Postgres' own data folder
//
// Invariants:
//   F1. One owner at a time; a lock whose process is gone is nobody's.
//   F2. `cluster` is complete or is not there: it is made under another name and renamed.
//   F3. A folder with anything else in it is somebody else's, and is left alone.

import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { userInfo } from "node:os";
import { dirname, join, resolve } from "node:path";

const ours = new Set([
  "webstore.lock",
  "server.json",
  "postgres.log",
  "cluster",
  "cluster.new",
  "cluster.new.password",
]);
const isStaleName = (name: string) => name.startsWith("webstore.lock.");

/** Makes the folder if need be; throws one line when it cannot be used. */
export function openFolder(dataDir: string): string {
  const folder = resolve(dataDir);
  try {
    mkdirSync(folder, { recursive: true });
    const stranger = readdirSync(folder).find((name) => !ours.has(name) && !isStaleName(name));
    if (stranger !== undefined) {
      throw new Error(`${folder} is not a WebStore data folder and is not empty (${stranger})`);
    }
    writeFileSync(join(folder, "postgres.log"), "", { flag: "a" });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" || code === "ENOTDIR")
      throw new Error(`${folder} is a file, or below one; a folder is needed`);
    if (code === "EACCES" || code === "EPERM" || code === "EROFS")
      throw new Error(`${folder} is not writable`);
    throw error;
  }
  return folder;
}

/** Takes the folder for this process; the result gives it back. */
export function lockFolder(folder: string): () => void {
  const lock = join(folder, "webstore.lock");
  const mine = JSON.stringify({ pid: process.pid, since: startOf(process.pid) });
  const draft = `${lock}.${process.pid}.${randomBytes(4).toString("hex")}`;
  writeFileSync(draft, mine);
  try {
    for (let attempt = 0; attempt < 10; attempt++) {
      try {
        // A link appears with its content, and only if the name is free.
        linkSync(draft, lock);
        return () => {
          if (readIfThere(lock) === mine) rmSync(lock, { force: true });
        };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
      const held = readIfThere(lock);
      if (held === undefined) continue;
      const owner = aliveOwner(held);
      if (owner !== undefined) throw new Error(`${folder} is already in use by process ${owner}`);
      removeStale(lock, held);
    }
    throw new Error(`${folder} is being taken by other processes`);
  } finally {
    rmSync(draft, { force: true });
  }
}

function aliveOwner(held: string): number | undefined {
  try {
    const { pid, since } = JSON.parse(held) as { pid: number; since: string };
    return isAlive(pid) && startOf(pid) === since ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Moves it aside before it goes, so that a lock that another process has taken meanwhile is put back. */
function removeStale(lock: string, held: string): void {
  const aside = `${lock}.${process.pid}.stale`;
  try {
    renameSync(lock, aside);
    if (readIfThere(aside) !== held) linkSync(aside, lock);
  } catch {
    // Another process was faster; the next attempt sees what it did.
  } finally {
    rmSync(aside, { force: true });
  }
}

export function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  // A process that has ended and that nobody has asked about yet still has its number.
  return !/^State:\s+[ZX]/m.test(readIfThere(`/proc/${pid}/status`) ?? "");
}

/** When a process began, in the kernel's ticks: tells it from a later one with the same number. "" where unknown. */
function startOf(pid: number): string {
  const stat = readIfThere(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

/** What a process was started with; "" when it is gone. */
export function commandOf(pid: number): string {
  const command = readIfThere(`/proc/${pid}/cmdline`);
  if (command !== undefined) return command.replaceAll("\0", " ");
  try {
    return execFileSync("ps", ["-o", "command=", "-p", String(pid)], { encoding: "utf8" });
  } catch {
    return "";
  }
}

export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

export type Keys = { port: number; password: string };

/** The port and the password of this folder's server; new ones for a new folder. */
export function readKeys(folder: string): Keys {
  const text = readIfThere(join(folder, "server.json"));
  if (text === undefined) return { port: 0, password: randomBytes(24).toString("hex") };
  try {
    const { port, password } = JSON.parse(text) as Keys;
    if (Number.isInteger(port) && typeof password === "string") return { port, password };
  } catch {}
  throw new Error(
    `${join(folder, "server.json")} is damaged: it has to hold the port and the password of the database`,
  );
}

export function writeKeys(folder: string, keys: Keys): void {
  const file = join(folder, "server.json");
  writeFileSync(`${file}`, JSON.stringify(keys), { mode: 0o600 });
  chmodSync(file, 0o600);
}

/** Whom the server runs as: Postgres refuses to run as root. `undefined`: as ourselves. */
export type ServerUser = { readonly uid: number; readonly gid: number } | undefined;

export function serverUser(log: (message: string) => void): ServerUser {
  if (userInfo().uid !== 0) return undefined;
  const known = findUser();
  if (known !== undefined) return known;
  log("running as root: making the system user postgres, which the database runs as");
  try {
    execFileSync("useradd", ["--system", "--user-group", "--no-create-home", "postgres"], { stdio: "pipe" });
  } catch {
    throw new Error(
      "Postgres does not run as root, and the user postgres could not be made; start as another user",
    );
  }
  return findUser();
}

function findUser(): ServerUser {
  const line = /^postgres:[^:]*:(\d+):(\d+):/m.exec(readIfThere("/etc/passwd") ?? "");
  return line === null ? undefined : { uid: Number(line[1]), gid: Number(line[2]) };
}

export type Places = { readonly cluster: string; readonly binaries: string };

/**
 * Where the cluster and the server's binaries are. Another user cannot pass through a private home such as
 * /root: then both live below /var/lib/webstore, and the log says so.
 */
export function placesFor(
  folder: string,
  binaries: string,
  user: ServerUser,
  log: (message: string) => void,
): Places {
  const native = dirname(binaries);
  if (user === undefined) return { cluster: join(folder, "cluster"), binaries };
  const shared = "/var/lib/webstore";
  let placed: Places = { cluster: join(folder, "cluster"), binaries };
  if (!isReachable(folder)) {
    const own = join(shared, createHash("sha256").update(folder).digest("hex").slice(0, 16));
    mkdirSync(own, { recursive: true, mode: 0o755 });
    log(`${folder} is closed to the user postgres: the database's files are in ${own}`);
    placed = { ...placed, cluster: join(own, "cluster") };
  }
  if (!isReachable(binaries)) {
    const copy = join(shared, "postgres-binaries");
    if (!existsSync(join(copy, "bin", "postgres"))) {
      const draft = `${copy}.${process.pid}`;
      cpSync(native, draft, { recursive: true, verbatimSymlinks: true });
      rmSync(copy, { recursive: true, force: true });
      renameSync(draft, copy);
    }
    placed = { ...placed, binaries: join(copy, "bin") };
  }
  return placed;
}

/** Whether any user may pass through every folder on the way and into it. */
function isReachable(path: string): boolean {
  for (let at = path; ; at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return false;
    if (at === dirname(at)) return true;
  }
}
