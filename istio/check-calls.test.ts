import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { checkCalls } from "./call-checks.ts";
import { reportOf } from "./check-calls.ts";
import { serviceNamed } from "./testing.ts";

const command = new URL("./check-calls-main.ts", import.meta.url).pathname;
const run = (...args: string[]) => promisify(execFile)(process.execPath, [command, ...args]);

test("a violation says what was found and what to do", () => {
  const { breaker: _, ...bare } = serviceNamed("cart").calls.catalog ?? {};
  const cart = { ...serviceNamed("cart"), calls: { catalog: bare } } as ReturnType<typeof serviceNamed>;
  const nothingKnown = { unawaited: [], leaves: [], madeFor: [], accepted: [] };
  const all = [cart, serviceNamed("catalog")];
  const report = reportOf(checkCalls(all, nothingKnown, []));
  expect(report).toMatch(/^caller +callee +attempts +at worst +caller has +breaker\n/);
  expect(report).toMatch(/cart +catalog\.BatchGetProducts +2 × 800 ms +1650 ms +2000 ms +none\n/);
  expect(report).toContain("Most attempts of one path: 2 of at most 8 (cart → catalog.BatchGetProducts)\n");
  expect(report).toMatch(
    /no-breaker: cart → catalog \(catalog\)\n {2}the call has no breaker.*\n {2}To do: give it/,
  );
  expect(report).toMatch(/1 edge, 1 violation\n$/);
});

test("the command checks the store and finds nothing", async () => {
  const { stdout } = await run();
  expect(stdout).toMatch(/\d+ edges, no violation\n$/);
});

test("it explains itself, and does not take what it does not know", async () => {
  expect((await run("--help")).stdout).toContain("npm run check:calls");
  await expect(run("--verbose")).rejects.toMatchObject({ code: 2 });
});
