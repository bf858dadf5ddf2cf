#!/usr/bin/env node
// The operator's command line: `npx webstore …`. Reads what is asked for, does it, and says what went wrong in one line.
// Exit status: 0 done, 1 failed (or, for `reconcile`, differences), 2 not understood.

import { CommanderError } from "commander";
import { describeFailure, UsageFailure } from "./failure.ts";
import { buildProgram } from "./program.ts";

async function main(): Promise<number> {
  const program = buildProgram();
  try {
    await program.parseAsync();
    return Number(process.exitCode ?? 0);
  } catch (error) {
    // Commander has said already what it did not understand; help that was asked for is no failure.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    process.stderr.write(`webstore: ${describeFailure(error)}\n`);
    return error instanceof UsageFailure ? 2 : 1;
  }
}

// Whoever reads us may have seen enough, such as `head`.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));

process.exitCode = await main();
