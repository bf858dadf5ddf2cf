// gen/ is what buf makes of the contracts today. A stale gen/ is rewritten by this test, which then fails: look at the
// change and commit it.

import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const checkedIn = join(import.meta.dirname, "gen");
const binaries = join(root, "node_modules", ".bin");

const run = promisify(execFile);
const options = {
  cwd: root,
  timeout: 60_000,
  // The plugins are scripts of node: they get the pinned one, not the machine's.
  env: { ...process.env, PATH: `${binaries}${delimiter}${process.env.PATH ?? ""}` },
};

/** The same two commands as `npm run generate`, into another folder. */
async function generate(into: string): Promise<string> {
  const buf = join(binaries, "buf");
  const generated = join(into, "proto", "gen");
  await run(buf, ["generate", "--output", into], options);
  await run(
    buf,
    [
      "build",
      "--as-file-descriptor-set",
      "--exclude-source-info",
      "--output",
      join(generated, "descriptors.binpb"),
    ],
    options,
  );
  return generated;
}

async function filesOf(folder: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const contents = await Promise.all(files.sort().map((file) => readFile(file, "base64")));
  return new Map(files.map((file, index) => [file.slice(folder.length + 1), contents[index] ?? ""]));
}

test("gen/ is what the contracts generate, byte for byte", { timeout: 120_000 }, async () => {
  const temporary = await mkdtemp(join(tmpdir(), "webstore-gen-"));
  try {
    const generated = await generate(temporary);
    const [fresh, stored] = [await filesOf(generated), await filesOf(checkedIn)];
    const names = new Set([...fresh.keys(), ...stored.keys()]);
    const stale = [...names].filter((name) => fresh.get(name) !== stored.get(name));
    if (stale.length > 0) {
      await rm(checkedIn, { recursive: true });
      await cp(generated, checkedIn, { recursive: true });
    }
    expect(stale, "these files were stale and are rewritten now").toEqual([]);
  } finally {
    await rm(temporary, { recursive: true });
  }
});
