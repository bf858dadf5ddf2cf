// The cluster under test, by its own tools: kubectl, helm and grpcurl on the current context, and the ingress where the
// world comes in. Everything that is waited for is polled, within a time.

import { execFile } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { openShop, type Shop } from "../shop.ts";

const run = promisify(execFile);
export const root = fileURLToPath(new URL("../../../", import.meta.url));

/** The ingress, as kind.yaml maps it. */
export const ingressUrl = process.env.INGRESS_URL ?? "http://127.0.0.1:8080";
export const ingressAddress = new URL(ingressUrl).host;

/** The release that `skaffold run` installs. */
export const main = { release: "webstore", namespace: "webstore", host: "webstore.local" } as const;

export type Ran = { readonly code: number; readonly stdout: string; readonly stderr: string };

const outputMax = 64 * 1024 * 1024;

/** Runs a command to its end; a code other than 0 is an answer, too. */
export async function ran(
  command: string,
  args: readonly string[],
  is: { timeoutMs?: number; input?: string } = {},
): Promise<Ran> {
  const running = run(command, [...args], {
    cwd: root,
    timeout: is.timeoutMs ?? 120_000,
    maxBuffer: outputMax,
  });
  if (is.input !== undefined) running.child.stdin?.end(is.input);
  try {
    return { code: 0, ...(await running) };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number | null; stdout: string; stderr: string };
    if (typeof code !== "number") throw error;
    return { code, stdout, stderr };
  }
}

/** The same where it must succeed; gives what it printed. */
export async function must(command: string, args: readonly string[], is: Parameters<typeof ran>[2] = {}) {
  const { code, stdout, stderr } = await ran(command, args, is);
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}:\n${stderr || stdout}`);
  return stdout;
}

export const kubectl = (...args: string[]) => must("kubectl", args);

export async function kubectlJson<T>(...args: string[]): Promise<T> {
  return JSON.parse(await kubectl(...args, "--output", "json")) as T;
}

export const apply = (manifest: string) => must("kubectl", ["apply", "--filename", "-"], { input: manifest });

/** Asks until `isSo` says so of the answer; gives that answer. The last one is told when it never did. */
export async function until<T>(
  what: string,
  ask: () => Promise<T>,
  isSo: (answer: T) => boolean,
  timeoutMs = 60_000,
  pollMs = 500,
): Promise<T> {
  const untilMs = Date.now() + timeoutMs;
  for (;;) {
    const answer = await ask().catch((error: unknown) => ({ failed: error }));
    const isAnswer = !(typeof answer === "object" && answer !== null && "failed" in answer);
    if (isAnswer && isSo(answer as T)) return answer as T;
    if (Date.now() > untilMs) {
      const last = isAnswer ? JSON.stringify(answer) : String((answer as { failed: unknown }).failed);
      throw new Error(`${what}: not within ${timeoutMs} ms; the last answer was ${last.slice(0, 2_000)}`);
    }
    await delay(pollMs);
  }
}

export function shopThroughIngress(host: string = main.host): Shop {
  return openShop(ingressUrl, { host });
}

/** One line of the report that a journey prints. */
export function say(line: string): void {
  process.stdout.write(`  ${line}\n`);
}
