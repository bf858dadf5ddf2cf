// For the tests of the command line: the real program in a process of its own, against the gateway over real HTTP.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { demoUsers } from "@webstore/kit";
import { afterAll, beforeAll, beforeEach, expect, vi } from "vitest";
import type { TestingDesk } from "../services/gateway/testing-desk.ts";
import { openTestStore, type TestStore } from "../services/gateway/testing-store.ts";

let store: TestStore;
let gateway: Awaited<ReturnType<TestStore["startGateway"]>>;

/** A store for the tests of a file, whose desk is as at first before each. */
export function useCli(): void {
  beforeAll(async () => {
    store = await openTestStore();
    gateway = await store.startGateway();
  });
  afterAll(async () => {
    await gateway?.stop();
    await store?.stop();
  });
  beforeEach(() => store.desk.reset());
  // Every command is a process of its own; on a machine that is busy that takes a while.
  vi.setConfig({ testTimeout: 120_000 });
}

export const desk = (): TestingDesk => store.desk;
/** A service of the store that is not its gateway. */
export const identityUrl = () => new URL(store.env.JWKS_URL ?? "").origin;

const staffToken = demoUsers.grace.token;
const main = join(import.meta.dirname, "main.ts");

type Said = { readonly status: number | null; readonly out: string; readonly err: string };

export function start(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [main, ...args], {
    env: { PATH: process.env.PATH ?? "", WEBSTORE_URL: gateway.url, WEBSTORE_TOKEN: staffToken, ...env },
  });
  const said = { out: "", err: "" };
  child.stdout.on("data", (chunk) => {
    said.out += chunk;
  });
  child.stderr.on("data", (chunk) => {
    said.err += chunk;
  });
  return { child, said };
}

export async function ended({
  child,
  said,
}: {
  child: ChildProcess;
  said: { out: string; err: string };
}): Promise<Said> {
  const [status] = await once(child, "close");
  return { status, ...said };
}

export function webstore(
  args: string,
  is: { env?: Record<string, string>; stdin?: string } = {},
): Promise<Said> {
  const running = start(args.split(" "), is.env);
  running.child.stdin.end(is.stdin ?? "");
  return ended(running);
}

/** What a terminal would obey. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: that there is none is what is tested.
const obeyed = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/;

export async function works(args: string): Promise<string> {
  const { status, out, err } = await webstore(args);
  expect([status, err], out).toEqual([0, ""]);
  expect(out).not.toMatch(obeyed);
  return out;
}
export const json = async (args: string) => JSON.parse(await works(`${args} --json`));

/** One line on stderr, nothing on stdout, no stack. */
export async function fails(
  args: string,
  status: number,
  words: string | RegExp,
  is: Parameters<typeof webstore>[1] = {},
) {
  const said = await webstore(args, is);
  expect(said.status, said.err).toBe(status);
  expect(said.err).toMatch(words);
  expect(said.err + said.out).not.toMatch(/\n {4}at |node:internal/);
  if (status === 1) expect([said.out, said.err.trimEnd().split("\n").length]).toEqual(["", 1]);
  return said;
}
