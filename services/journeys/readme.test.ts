// The README's own words, run as they stand: what it tells a newcomer to type is what is tested.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openStoreRun, type StoreRun } from "./run-store.ts";

const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
const snippet = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)]
  .map(([, text]) => text ?? "")
  .find((text) => text.includes("/checkout"));

let store: StoreRun;
beforeAll(async () => {
  store = await openStoreRun();
  await store.start();
});
afterAll(() => store?.close());

test("the first order by curl is paid, its cart is empty, and the provider has the money", () => {
  // Only the ports differ: this store runs beside others.
  const script = (snippet ?? "")
    .replaceAll("http://127.0.0.1:8000", store.url)
    .replaceAll("http://127.0.0.1:3001", store.providerUrl);
  const answers = execFileSync("bash", ["-euo", "pipefail", "-c", script], { encoding: "utf8" });
  expect(readme).toContain("32.09");
  expect(answers).toContain('"status":"paid"');
  expect(answers).toContain('"total":{"amount":"32.09","currency":"USD"}');
  expect(answers).toContain('{"lines":[],"subtotal":null}');
  expect(answers).toContain('"totals":{"usd":{"held":0,"captured":3209,"refunded":0,');
});
