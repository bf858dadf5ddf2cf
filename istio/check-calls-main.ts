#!/usr/bin/env node
// npm run check:calls: computes from the definitions what calls can add up to, and fails on what breaks a rule.

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { system } from "../services/system.ts";
import { checkCalls } from "./call-checks.ts";
import { knowledge } from "./call-knowledge.ts";
import { reportOf } from "./check-calls.ts";
import { type SourceFile, unlistedEdges } from "./source-edges.ts";

const help = `npm run check:calls

Computes from the definitions of all services, and from the deadlines in their contracts: what each call can take at
worst, how often one request can make its last callee work, and what breaks a rule. Rules: every callee is there,
serves the RPCs that are listed, each listed once · one attempt fits into the caller's own deadline, and so do all ·
no path has more than 8 attempts · every callee has a breaker, and its callers agree on it · nobody waits in a ring ·
no code calls what its definition does not list. Exceptions, with their reasons: istio/call-knowledge.ts.

Exit status: 0 all kept, 1 a violation, 2 not understood.
`;

const folder = fileURLToPath(new URL("../services/", import.meta.url));

function sources(): SourceFile[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && !path.includes("node_modules"))
    .sort()
    .map((path) => ({ path, text: readFileSync(`${folder}${path}`, "utf8") }));
}

function main(): number {
  const { values } = parseArgs({ options: { help: { type: "boolean", short: "h" } } });
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  const services = system.flatMap(({ is }) => (is.kind === "service" ? [is] : []));
  const checked = checkCalls(services, knowledge, unlistedEdges(sources(), services));
  process.stdout.write(reportOf(checked));
  return checked.violations.length === 0 ? 0 : 1;
}

try {
  process.exitCode = main();
} catch (error) {
  process.stderr.write(`check:calls: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
