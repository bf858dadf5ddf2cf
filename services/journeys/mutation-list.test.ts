// The table of protections in ARCHITECTURE.md is the list that is proven, line by line.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { mutations } from "./mutation-list.ts";

const architecture = readFileSync(new URL("../../ARCHITECTURE.md", import.meta.url), "utf8");
const rows = architecture.split("\n").filter((line) => line.startsWith("| "));

test.each(mutations)(
  "$protection stands in ARCHITECTURE.md with what happens without it and its test",
  (is) => {
    expect(rows).toContain(`| ${is.protection} | ${is.without} | \`${is.test.file}\`: ${is.test.name} |`);
  },
);

test.each(mutations)("$protection: what is taken away stands in its file exactly once", ({ file, find }) => {
  const text = readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
  expect(text.split(find).length - 1).toBe(1);
});
