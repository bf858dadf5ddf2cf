// What of services/ is in a service's image: the kit, its own folder, and of the others what their definitions are made
// of. The Dockerfile runs it where the sources are a copy: it deletes the rest.
//   node services/image-sources.ts orders

import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

const services = import.meta.dirname;
const whole = ["kit", "simulator"];

/** The file and what it imports by a relative path, and so on. */
function closureOf(file: string, known = new Set<string>()): Set<string> {
  if (known.has(file)) return known;
  known.add(file);
  for (const [, specifier = ""] of readFileSync(file, "utf8").matchAll(/from "(\.[^"]+)"/g)) {
    closureOf(join(dirname(file), specifier), known);
  }
  return known;
}

function prune(service: string): void {
  for (const name of readdirSync(services)) {
    const folder = join(services, name);
    if (!statSync(folder).isDirectory()) rmSync(folder);
    else if (![...whole, service].includes(name)) pruneFolder(folder);
  }
}

function pruneFolder(folder: string): void {
  const definition = join(folder, "definition.ts");
  const kept = existsSync(definition) ? closureOf(definition) : new Set<string>();
  kept.add(join(folder, "package.json"));
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (entry.isFile() && !kept.has(file)) rmSync(file);
  }
}

const [, , service = ""] = process.argv;
if (!existsSync(join(services, service, "main.ts"))) {
  process.stderr.write(`SERVICE must name a folder of services/ that has a main.ts, not "${service}"\n`);
  process.exit(1);
}
prune(service);
