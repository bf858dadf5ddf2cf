// A copy of this checkout to change things in, and programs that run there as a developer would run them.

import { execFile, execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";

const root = join(import.meta.dirname, "../..");
const { PATH = "", HOME = "" } = process.env;

export type Said = { readonly status: number; readonly out: string; readonly err: string };

/** A program with nothing of a test's own environment, such as Vitest's. */
export function run(cwd: string, program: string, ...args: readonly string[]): Promise<Said> {
  const bin = join(cwd, "node_modules", ".bin");
  const env = {
    PATH: [bin, dirname(process.execPath), PATH].join(delimiter),
    HOME,
    // What is installed is enough; a registry need not be there.
    npm_config_prefer_offline: "true",
  };
  return new Promise((resolve) => {
    execFile(program, args, { cwd, env, maxBuffer: 64 * 2 ** 20 }, (error, out, err) => {
      resolve({ status: error === null ? 0 : Number(error.code ?? -1), out, err });
    });
  });
}

/** The same where it must succeed; gives what it printed. */
export async function works(cwd: string, program: string, ...args: readonly string[]): Promise<string> {
  const { status, out, err } = await run(cwd, program, ...args);
  if (status !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${status}:\n${out}${err}`);
  return out;
}

/**
 * Its files as they are now, committed or not, as one commit; its packages are links to the same bytes, which are never written over.
 * Whoever asked removes it.
 */
export async function copyCheckout(): Promise<string> {
  const copy = mkdtempSync(join(tmpdir(), "webstore-checkout-"));
  const files = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
  });
  for (const file of files.split("\0").filter((each) => each !== "" && existsSync(join(root, each)))) {
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    copyFileSync(join(root, file), join(copy, file));
  }
  const linked = await run(root, "cp", "-al", "node_modules", join(copy, "node_modules"));
  if (linked.status !== 0) await works(root, "cp", "-a", "node_modules", copy);
  await works(copy, "git", "init", "--quiet");
  await works(copy, "git", "add", "--all");
  const author = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"];
  await works(copy, "git", ...author, "commit", "--quiet", "--message", "as it was");
  return copy;
}
