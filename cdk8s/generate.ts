#!/usr/bin/env node
// Writes what follows from the definitions: charts/ and skaffold.yaml. What people wrote there stays: the other sets of
// values in charts/webstore/ci.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chartFiles } from "./charts.ts";
import { skaffoldYaml } from "./skaffold.ts";
import { smallValues } from "./small-values.ts";
import { type Definitions, definitions } from "./system.ts";

const root = fileURLToPath(new URL("../", import.meta.url));

/** Every generated file, by its path from the root. */
export function generatedFiles(system: Definitions = definitions): Record<string, string> {
  const charts = Object.entries(chartFiles(system)).map(([path, text]) => [`charts/${path}`, text]);
  const values = Object.entries(smallValues(system)).map(([name, text]) => [
    `charts/webstore/ci/${name}-values.yaml`,
    text,
  ]);
  return Object.fromEntries([...charts, ...values, ["skaffold.yaml", skaffoldYaml(system)]]);
}

/** Written by people, or put there by Helm. */
const isKept = (path: string) => /^charts\/webstore\/(ci\/|charts\/|Chart\.lock$)/.test(path);

/** What differs from what the definitions say, by path: missing, changed, or there for nothing. */
export function staleFiles(): string[] {
  const files = generatedFiles();
  const present = readdirSync(join(root, "charts"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length))
    .filter((path) => !isKept(path));
  const changed = Object.entries(files).flatMap(([path, text]) => (read(path) === text ? [] : [path]));
  return [...changed, ...present.filter((path) => files[path] === undefined)];
}

function read(path: string): string | undefined {
  try {
    return readFileSync(join(root, path), "utf8");
  } catch {
    return undefined;
  }
}

if (import.meta.main) {
  mkdirSync(join(root, "charts"), { recursive: true });
  const files = generatedFiles();
  const stale = staleFiles();
  for (const path of stale) {
    const text = files[path];
    if (text === undefined) rmSync(join(root, path));
    else {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
  }
  process.stdout.write(
    `${Object.keys(files).length} files follow from the definitions; ${stale.length} were changed\n`,
  );
}
