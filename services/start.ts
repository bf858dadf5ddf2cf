// `npm start`: runs the store on this machine, says what runs where and what to try, and stops it
// cleanly. Everything that can go wrong at the start is one line on stderr, and exit status 1.

import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { demoUsers, type Running } from "@webstore/kit";
import { type Store, startStore } from "./store.ts";

const help = `Usage: npm start -- [options] [service …]

Runs the store in one process, each service on its own port. Names of services run only those.

  --data <folder>   where the data is kept (default .webstore)
  --reset           begin with an empty store: what is kept there is deleted
  --failures        the partners fail at times, as in real life
  --mail <where>    where e-mails go: console (default, prints them), none, or smtp://user:password@host:port
  --help            this text

A PostgreSQL named by DATABASE_URL is used instead of the embedded one. PORT_OFFSET is added to every
port, so that another store can run beside this one.
Every variable of the services' configuration may be set in the environment.
`;

type Options = {
  readonly dataDir: string;
  readonly reset: boolean;
  readonly failures: boolean;
  readonly mail: string | undefined;
  readonly only: string[];
};

function readOptions(args: readonly string[]): Options | "help" {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      data: { type: "string", default: ".webstore" },
      reset: { type: "boolean", default: false },
      failures: { type: "boolean", default: false },
      mail: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  // By name, or as the URL that MAIL_URL takes.
  const mail = values.mail === "console" || values.mail === "none" ? `${values.mail}:` : values.mail;
  const { reset, failures } = values;
  return { dataDir: resolve(values.data), reset, failures, mail, only: positionals };
}

function screenOf(store: Store, tookMs: number, dataDir: string): string {
  const gateway = store.members.find(({ name }) => name === "gateway")?.urls.http;
  const rows = store.members.map((member) => `  ${member.name.padEnd(18)}${placesOf(member)}`);
  const database =
    store.database.kind === "embedded" ? `embedded PostgreSQL in ${dataDir}` : "PostgreSQL of DATABASE_URL";
  const adopted = store.database.adopted ? " (still running from before, taken over)" : "";
  const lines = [
    `WebStore runs (started in ${(tookMs / 1_000).toFixed(1)} s)`,
    "",
    ...rows,
    "",
    `  data: ${database}${adopted}`,
  ];
  if (gateway !== undefined) {
    lines.push(
      `  docs: ${gateway}/docs`,
      "",
      `  users: ${demoUsers.ada.username} (user), ${demoUsers.grace.username} (admin); password webstore-demo`,
      "",
      "Try:",
      `  curl -s '${gateway}/products?search=mug'`,
      `  curl -s ${gateway}/cart -H 'Authorization: Bearer ${demoUsers.ada.token}'`,
      "",
      "Ctrl-C stops.",
    );
  }
  return `${lines.join("\n")}\n`;
}

function placesOf({ urls }: Running): string {
  const names = { http: "", rpc: "gRPC ", admin: "admin " } as const;
  const places = Object.entries(names).flatMap(([kind, label]) =>
    urls[kind] === undefined ? [] : [label + urls[kind]],
  );
  return places.join("  ");
}

function stopOnSignals(store: Store) {
  let asked = 0;
  const stop = () => {
    asked += 1;
    if (asked > 1) process.exit(1);
    process.stdout.write("\nStopping; what is in hand is finished first. Again to stop at once.\n");
    store.stop().then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
}

function fail(error: unknown): never {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

/** What is wrong with the arguments, in one line. */
function optionsOf(args: readonly string[]): Options | "help" {
  try {
    return readOptions(args);
  } catch (error) {
    const [what] = (error instanceof Error ? error.message : String(error)).split(". ");
    throw new Error(`${what}; npm start -- --help lists the options`);
  }
}

async function main() {
  const options = optionsOf(process.argv.slice(2));
  if (options === "help") {
    process.stdout.write(help);
    return;
  }
  const startedAt = performance.now();
  const log = (message: string) => process.env.LOG_LEVEL === "debug" && process.stderr.write(`${message}\n`);
  const store = await startStore({ ...options, env: process.env, log });
  stopOnSignals(store);
  process.stdout.write(screenOf(store, performance.now() - startedAt, options.dataDir));
}

main().catch(fail);
