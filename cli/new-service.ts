// `webstore new`: a new service in this checkout: its folder, its contract, and its line in services/system.ts. All else
// that a service has in the store follows from these.
//
// Invariants:
//   N1. Everything that can be wrong with the name or the place is found before the first file is written.
//   N2. No file that is there is written over, but for services/system.ts.

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Command } from "commander";
import { globalsOf } from "./connection.ts";
import { Failure, UsageFailure } from "./failure.ts";
import { codeOf, type Ports } from "./new-service-code.ts";
import { contractOf } from "./new-service-contract.ts";
import { type Names, namesOf } from "./new-service-name.ts";
import { freePorts, type Placed, withMember } from "./new-service-system.ts";
import { say, sayJson } from "./print.ts";

const systemFile = "services/system.ts";

const help = `
A name such as gift-cards gives the folder services/gift-cards, its definition \`giftCards\`, and the contract
webstore.gift_cards.v1.GiftCardsService: a contract's package has underscores where the name has hyphens.
The service has one RPC, DescribeGiftCards, to begin with, and the next free ports.

services/system.ts gets one line, with its import. Nothing else is written by hand: \`npm install\` makes the folder
a package, and \`npm run generate\` writes the code of the contract, the chart and the mesh's policy. Both are run
unless --no-install is given.

Works anywhere in a checkout of WebStore, and needs no running store.`;

export function addNew(program: Command): void {
  program
    .command("new")
    .description("make a new service in this checkout")
    .argument("<name>", "2 to 30 characters in kebab-case")
    .option("--no-install", "leave `npm install` and `npm run generate` to you")
    .addHelpText("after", help)
    .action(makeService);
}

async function makeService(name: string, { install }: { install: boolean }, command: Command): Promise<void> {
  const { json } = globalsOf(command);
  const names = namesOf(name);
  const root = checkoutAt(process.cwd());
  refuseTaken(root, names);
  const ports = freePorts(await readSystem(root));
  const files = write(root, names, ports);
  await layOut(
    root,
    files.filter((file) => file.startsWith("services/")),
  );
  // For people only, and before the long part.
  if (!json) for (const file of files) say(file === systemFile ? `${file}: one line, and its import` : file);
  if (install) {
    await npm(root, "install");
    await npm(root, "run", "generate");
  }
  if (json) sayJson({ name, package: `webstore.${names.snake}.v1`, ports, files, installed: install });
  else sayNext(names, ports, install);
}

/** The folder at or above this one that is a checkout. */
function checkoutAt(folder: string): string {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, systemFile)) && isWebStore(join(at, "package.json"))) return at;
    if (dirname(at) === at)
      throw new UsageFailure(`${folder} is not inside a checkout of WebStore: there is no ${systemFile}`);
  }
}

function isWebStore(manifest: string): boolean {
  try {
    return (JSON.parse(readFileSync(manifest, "utf8")) as { name?: string }).name === "webstore";
  } catch {
    return false;
  }
}

function refuseTaken(root: string, { name, snake }: Names): void {
  const places = [`services/${name}`, `proto/webstore/${snake}`, `charts/${name}`];
  const there = places.find((place) => existsSync(join(root, place)));
  if (there !== undefined) throw new UsageFailure(`${name} is taken: there is ${there} already`);
}

async function readSystem(root: string): Promise<readonly Placed[]> {
  try {
    const { system } = (await import(pathToFileURL(join(root, systemFile)).href)) as {
      system: readonly Placed[];
    };
    return system;
  } catch (error) {
    const [why] = (error instanceof Error ? error.message : String(error)).split("\n");
    throw new Failure(
      `${systemFile} cannot be read (${why}); \`npm install\` and \`npm run generate\` may help`,
    );
  }
}

/** What was written, by path. */
function write(root: string, names: Names, ports: Ports): string[] {
  const { name, snake } = names;
  const system = withMember(readFileSync(join(root, systemFile), "utf8"), names);
  const code = Object.entries(codeOf(names, ports)).map(
    ([file, text]) => [`services/${name}/${file}`, text] as const,
  );
  const files = [[`proto/webstore/${snake}/v1/${snake}.proto`, contractOf(names)] as const, ...code];
  for (const [path, text] of files) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text, { flag: "wx" });
  }
  writeFileSync(join(root, systemFile), system);
  return [...files.map(([path]) => path), systemFile];
}

/** The templates know nothing of the width of a line, nor of where an import stands. */
function layOut(root: string, files: readonly string[]): Promise<void> {
  const biome = join(root, "node_modules", "@biomejs", "biome", "bin", "biome");
  const args = ["check", "--write", "--linter-enabled=false", "--log-level=error", ...files];
  return run(root, process.execPath, [biome, ...args], { asTyped: "npm run format", out: "ignore" });
}

/** What npm says goes to stderr: stdout has what we say. */
const npm = (root: string, ...args: readonly string[]) =>
  run(root, "npm", args, { asTyped: `npm ${args.join(" ")}`, out: 2 });

async function run(
  root: string,
  program: string,
  args: readonly string[],
  { asTyped, out }: { asTyped: string; out: 2 | "ignore" },
): Promise<void> {
  const child = spawn(program, args, { cwd: root, stdio: ["ignore", out, 2] });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once("error", ({ message }) => reject(new Failure(`\`${asTyped}\` cannot be run: ${message}`)));
    child.once("close", resolve);
  });
  if (status !== 0)
    throw new Failure(`\`${asTyped}\` failed; the new files are there: mend it and go on by hand`);
}

function sayNext({ name, pascal, snake }: Names, { rpc, admin }: Ports, installed: boolean): void {
  say(
    "",
    `${name} serves webstore.${snake}.v1.${pascal}Service on ${rpc}; health and metrics are on ${admin}.`,
    ...(installed ? [] : ["Next: npm install && npm run generate"]),
    `Test it:     npx vitest run services/${name}`,
    `Start it:    npm start -- ${name}`,
    "Who calls it lists its methods under `calls` in a definition, and runs npm run generate again.",
  );
}
