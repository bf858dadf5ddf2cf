import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { staleFiles } from "./generate.ts";

const charts = fileURLToPath(new URL("../charts/", import.meta.url));
const sets = readdirSync(`${charts}webstore/ci`);

test("charts/ and skaffold.yaml are what the definitions say", () => {
  expect(staleFiles(), "run npm run generate").toEqual([]);
});

const hasHelm = (() => {
  try {
    execFileSync("helm", ["version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();
const helm = (...args: string[]) => execFileSync("helm", args, { encoding: "utf8", stdio: "pipe" });

describe.runIf(hasHelm)(hasHelm ? "Helm" : "Helm (is not installed)", () => {
  const umbrella = `${charts}webstore`;
  const render = (...more: string[]) =>
    helm("template", "shop", umbrella, "--namespace", "here", "--kube-version", "1.34.0", ...more);
  helmDependencies();

  test.each(sets)("%s is clean under helm lint --strict, and renders", (set) => {
    const values = ["--values", `${umbrella}/ci/${set}`];
    helm("lint", "--strict", umbrella, "--kube-version", "1.34.0", ...values);
    const documents = parseAllDocuments(render(...values));
    expect(documents.flatMap(({ errors }) => errors)).toEqual([]);
  });

  test.each(readdirSync(charts).filter((name) => name !== "webstore"))("%s stands alone", (name) => {
    helm("lint", "--strict", `${charts}${name}`, "--kube-version", "1.34.0");
  });

  test("each installation fetches the keys of tokens at an address of its own, which may be chosen", () => {
    const queryOf = (...more: readonly string[]) =>
      /jwksUri: "[^"?]*\?installation=([^"]*)"/.exec(render(...more))?.[1] ?? "";
    const [one, other] = [queryOf(), queryOf()];
    expect(one).toMatch(/^[a-z0-9]{8}$/);
    expect(other).not.toBe(one);
    expect(queryOf("--set", "global.installation=a1")).toBe("a1");
  });

  test.each([
    ["orders.replicas.min=0", "minimum"],
    ["orders.replicas.min=two", "type|got string"],
    ["orders.replica.min=2", "additional properties"],
    ["global.logLevel=loud", "must be one of|enum"],
    ["orders.config.lower_case=1", "pattern|invalid propertyName"],
    ["secrets.mailUrl=smtp://ada:secret@mail", "pattern"],
  ])("a wrong value is refused with the schema's message: %s", (setting, message) => {
    expect(() => render("--set", setting)).toThrow(new RegExp(message, "i"));
  });

  test("without a mesh there is no object of it", () => {
    const kinds = parseAllDocuments(render("--set", "global.istio.enabled=false")).map((each) =>
      String(each.get("apiVersion")),
    );
    expect(kinds.filter((each) => each.includes("istio"))).toEqual([]);
    expect(kinds).toContain("apps/v1");
  });
});

/** The charts below the umbrella, packed where Helm looks for them. */
function helmDependencies(): void {
  helm("dependency", "build", `${charts}webstore`);
}
