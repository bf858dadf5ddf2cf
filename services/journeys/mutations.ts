// npm run mutations: takes each protection of money away, one at a time, in a copy of the project, and looks whether the test that is
// named for it fails. A protection whose test does not fail is not protected by it. `npm run mutations -- 3 5` does only those.

import { execFileSync, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Mutation, mutations } from "./mutation-list.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const testTimeoutMs = 300_000;

type Verdict = "passed" | "failed" | "not run";

/** The tracked files, and the same dependencies; the project's own packages are those of the copy. */
function copyProject(): string {
  const copy = mkdtempSync(join(tmpdir(), "webstore-mutations-"));
  const files = execFileSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" });
  for (const file of files.split("\0").filter((each) => each !== "" && existsSync(join(root, each)))) {
    cpSync(join(root, file), join(copy, file), { recursive: true });
  }
  const modules = join(copy, "node_modules");
  mkdirSync(join(modules, "@webstore"), { recursive: true });
  for (const name of readdirSync(join(root, "node_modules"))) {
    if (name !== "@webstore") symlinkSync(join(root, "node_modules", name), join(modules, name));
  }
  for (const folder of [
    "proto",
    "cli",
    ...readdirSync(join(root, "services")).map((name) => `services/${name}`),
  ]) {
    const manifest = join(copy, folder, "package.json");
    if (!existsSync(manifest)) continue;
    const { name } = JSON.parse(readFileSync(manifest, "utf8")) as { name: string };
    symlinkSync(join(copy, folder), join(modules, name));
  }
  return copy;
}

/** What became of the test of this name, and of no other. */
function run(copy: string, { test }: Mutation): Verdict {
  const results = join(copy, "results.json");
  rmSync(results, { force: true });
  const pattern = test.name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  spawnSync(
    process.execPath,
    [
      join(root, "node_modules/vitest/vitest.mjs"),
      "run",
      test.file,
      "-t",
      pattern,
      "--reporter=json",
      `--outputFile=${results}`,
    ],
    { cwd: copy, timeout: testTimeoutMs, stdio: "ignore", env: { ...process.env, VITEST_JSON: "" } },
  );
  if (!existsSync(results)) return "not run";
  const { testResults } = JSON.parse(readFileSync(results, "utf8")) as {
    testResults: { assertionResults: { title: string; status: string }[] }[];
  };
  const verdicts = testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ title, status }) => title.includes(test.name) && (status === "passed" || status === "failed"))
    .map(({ status }) => status);
  if (verdicts.length === 0) return "not run";
  return verdicts.includes("failed") ? "failed" : "passed";
}

function mutate(copy: string, { file, find, replace }: Mutation): () => void {
  const path = join(copy, file);
  const before = readFileSync(path, "utf8");
  if (before.split(find).length !== 2) {
    throw new Error(`${file} does not have exactly once: ${find.slice(0, 80)}`);
  }
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(
    path,
    before.replace(find, () => replace),
  );
  return () => writeFileSync(path, before);
}

function main(): number {
  const chosen = process.argv.slice(2).map(Number);
  const copy = copyProject();
  let unproven = 0;
  try {
    for (const [index, mutation] of mutations.entries()) {
      if (chosen.length > 0 && !chosen.includes(index + 1)) continue;
      const whole = run(copy, mutation);
      const restore = mutate(copy, mutation);
      const without = run(copy, mutation);
      restore();
      const isProven = whole === "passed" && without === "failed";
      if (!isProven) unproven += 1;
      const verdict = isProven ? "proven" : `NOT PROVEN (whole: ${whole}, without: ${without})`;
      process.stdout.write(
        `${String(index + 1).padStart(2)}  ${mutation.protection}: ${verdict}\n    ${mutation.test.file}: ${mutation.test.name}\n`,
      );
    }
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
  process.stdout.write(
    unproven === 0 ? "Every protection is proven by its test.\n" : `${unproven} not proven.\n`,
  );
  return unproven === 0 ? 0 : 1;
}

process.exitCode = main();
