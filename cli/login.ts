// `webstore login`: exchanges a password for an access token, and prints that and nothing else, so that a shell can keep it.

import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import type { Command } from "commander";
import { baseOf, globalsOf, rest } from "./connection.ts";
import { UsageFailure } from "./failure.ts";
import { say, sayJson } from "./print.ts";

type Tokens = { readonly access_token: string; readonly expires_in: number };

const passwordLengthMax = 128;

export function addLogin(program: Command): void {
  program
    .command("login")
    .description("print an access token; the password is asked for, or read from a pipe")
    .argument("<username>")
    .addHelpText("after", "\nThe token lives 15 minutes: export WEBSTORE_TOKEN=$(npx webstore login grace)")
    .action(login);
}

async function login(username: string, _is: object, command: Command): Promise<void> {
  const { url, json } = globalsOf(command);
  const base = baseOf(url);
  const password = await readPassword();
  if (password === "" || password.length > passwordLengthMax) throw new UsageFailure("there is no password");
  const tokens = await rest<Tokens>(base, "POST", "/auth/login", { body: { username, password } });
  if (json) sayJson({ access_token: tokens.access_token, expires_in: tokens.expires_in });
  else say(tokens.access_token);
}

/** What is typed is not shown; the question goes to stderr, for stdout is the token's. */
async function readPassword(): Promise<string> {
  const { stdin, stderr } = process;
  if (stdin.isTTY) stderr.write("Password: ");
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: silent, terminal: stdin.isTTY === true });
  try {
    for await (const line of lines) return line;
    return "";
  } finally {
    lines.close();
    if (stdin.isTTY) stderr.write("\n");
  }
}
