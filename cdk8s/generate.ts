#!/usr/bin/env node
// Writes charts/ anew: what the definitions say, and nothing that they no longer say. What people wrote there stays:
// the sets of values in charts/webstore/ci.

import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { chartFiles } from "./charts.ts";

export const chartsDir = new URL("../charts/", import.meta.url).pathname;

/** Files below `charts/` that are not generated. */
export const isWritten = (path: string) => /^webstore\/(ci\/|charts\/|Chart\.lock$)/.test(path);

/** Paths of all files below `charts/`, from there. */
export function presentFiles(): string[] {
  return readdirSync(chartsDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(chartsDir.length));
}

if (import.meta.main) {
  const files = chartFiles();
  mkdirSync(chartsDir, { recursive: true });
  for (const path of presentFiles()) {
    if (!isWritten(path) && files[path] === undefined) rmSync(join(chartsDir, path));
  }
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(chartsDir, path)), { recursive: true });
    writeFileSync(join(chartsDir, path), content);
  }
  process.stdout.write(`${Object.keys(files).length} files in charts/\n`);
}
