// A card number, its CVV, passwords, tokens and keys are sent into the store by every path that there is, and are then
// looked for wherever the store writes anything down. What may be found, and why, is in canary-exemptions.ts; that the
// looking finds what is there is in canary-scan.test.ts.

import { beforeAll, expect, test } from "vitest";
import { exemptionsFor } from "./canary-exemptions.ts";
import { type Came, goThrough } from "./canary-journey.ts";
import { tryMisconfigured } from "./canary-misconfigured.ts";
import { poisons } from "./canary-poison.ts";
import { openScan } from "./canary-scan.ts";
import { knownCanaries } from "./canary-secrets.ts";

const journeyTimeoutMs = 300_000;
const poison = poisons();
const scan = openScan({ canaries: knownCanaries(), exemptions: exemptionsFor(poison) });
let came: Came;
let startedAllTheSame: readonly string[];

beforeAll(async () => {
  [came, startedAllTheSame] = await Promise.all([goThrough(scan, poison), tryMisconfigured(scan)]);
}, journeyTimeoutMs);

test("no canary is found where the store writes anything down, nor in an answer that is an error", () => {
  const found = scan.finds().map(({ where, canary, excerpt }) => `${where}: ${canary}: …${excerpt}…`);
  expect(found.join("\n")).toBe("");
});

test("every exemption still excuses something", () => {
  expect(scan.unused()).toEqual([]);
});

test("every place was looked through", () => {
  const places = [
    "answer",
    "cli",
    "file",
    "mail",
    "misconfigured",
    "otlp-logs",
    "otlp-metrics",
    "otlp-traces",
    "page",
    "row",
    "row-meanwhile",
    "stdout",
  ];
  const read = scan.read();
  expect(places.filter((place) => (read[place] ?? 0) < readLeast)).toEqual([]);
  expect(came.rows).toBeGreaterThan(1_000);
});
const readLeast = 100;

test("the canaries went in by every way, and far enough: what was refused was refused for them", () => {
  const counted = (by: string) =>
    [...came.answers]
      .filter(([name]) => name.startsWith(`${by} `))
      .reduce((sum, [, count]) => sum + count, 0);
  expect([counted("REST"), counted("gRPC"), counted("Connect")].every((count) => count > 1_000)).toBe(true);
  expect(came.shallow.length, came.shallow.join("\n")).toBeLessThan(came.good / 2);
  expect(came.answers.get("REST 500")).toBeUndefined();
});

test("orders were paid and refused meanwhile, messages died, and mails were sent", () => {
  const statuses = came.orders.map((order) => order?.status ?? "refused");
  expect(statuses).toEqual(expect.arrayContaining(["paid", "refused"]));
  expect(came.deadLetters).toBeGreaterThanOrEqual(poison.length);
  expect(came.mails).toBeGreaterThan(5);
});

test("a store with a wrong configuration does not start", () => {
  expect(startedAllTheSame).toEqual([]);
});
