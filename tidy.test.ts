// The layout and the style, as far as no other tool checks them. Each failure says what to do instead.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { system } from "./services/system.ts";

const root = import.meta.dirname;
const tracked = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\n")
  .filter((file) => file !== "" && existsSync(join(root, file)));
const sources = tracked.filter((file) => file.endsWith(".ts") && !file.includes("/gen/"));
const read = (file: string) => readFileSync(join(root, file), "utf8");

/** Every offender at once, each with its file, so that one run is enough to mend them all. */
function offenders(
  files: readonly string[],
  find: (text: string, file: string) => string | undefined,
): string[] {
  return files.flatMap((file) => {
    const found = find(read(file), file);
    return found === undefined ? [] : [`${file}: ${found}`];
  });
}

describe("files", () => {
  test("open by saying what they are", () => {
    const exempt = (file: string) => file.endsWith(".test.ts") || file === "vitest.config.ts";
    const silent = offenders(
      sources.filter((file) => !exempt(file)),
      (text) =>
        text.startsWith("//") || text.startsWith("#!")
          ? undefined
          : "begin with a comment: what is this, what does it own?",
    );
    expect(silent).toEqual([]);
  });

  test("have names in lower case with hyphens, and a known ending for what they are", () => {
    const odd = sources.filter(
      (file) => !/^[a-z0-9-]+(\.[a-z0-9-]+)*\.ts$/.test(file.split("/").at(-1) ?? ""),
    );
    expect(odd, "rename to kebab-case").toEqual([]);
  });

  test("name no path of the machine they were written on", () => {
    // Split, so that this file does not offend against itself.
    const paths = ["/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/"];
    const named = offenders(
      tracked.filter((file) => !file.endsWith(".webp") && file !== "package-lock.json"),
      (text) => paths.find((path) => text.includes(`"${path}`) || text.includes(` ${path}`)),
    );
    expect(named, "take the path from configuration, or make it relative").toEqual([]);
  });

  test("leave nothing for later in a comment", () => {
    // Three X in a string are ISO's code for no currency.
    const later = new RegExp(`(//|\\*).*\\b(${["TO" + "DO", "FIX" + "ME", "X" + "XX"].join("|")})\\b`);
    expect(
      offenders(sources, (text) => later.exec(text)?.[0]),
      "do it, or write an issue",
    ).toEqual([]);
  });

  test("skip no test and silence no check", () => {
    const silencing =
      /\b(test|it|describe)\.(skip|only)\(|@ts-(ignore|expect-error|nocheck)|biome-ig[n]ore(?! lint\/[\w/]+: \S)/;
    expect(
      offenders(sources, (text) => silencing.exec(text)?.[0]),
      "mend the cause; a suppression gives its reason",
    ).toEqual([]);
  });

  test("do not sleep in tests: what is waited for is asked for", () => {
    const sleeping = /await (sleep|delay)\(\d|setTimeout\(resolve/;
    const tests = sources.filter((file) => file.endsWith(".test.ts") && file !== "tidy.test.ts");
    expect(
      offenders(tests, (text) => sleeping.exec(text)?.[0]),
      "use expect.poll, or pass a clock in",
    ).toEqual([]);
  });
});

const packageOf = (file: string) => /^(proto|services\/[^/]+)\//.exec(file)?.[1];

describe("directions", () => {
  test("no package reaches into another past its exports", () => {
    const reaching = offenders(
      // A type test holds snippets that are compiled elsewhere.
      sources.filter((file) => packageOf(file) !== undefined && !file.endsWith(".types.test.ts")),
      (text, file) => {
        for (const [, specifier] of text.matchAll(/(?:from|import) ?\(?"(\.[^"]+)"/g)) {
          const target = relative(root, resolve(dirname(join(root, file)), specifier ?? ""));
          const isSystem = /^services\/[^/]+\.ts$/.test(target) && packageOf(file) === "services/journeys";
          if (!target.startsWith(`${packageOf(file)}/`) && !isSystem)
            return `imports ${specifier}; import @webstore/… instead`;
        }
        return undefined;
      },
    );
    expect(reaching).toEqual([]);
  });

  test("proto imports nothing of ours, the kit only proto, a definition only definitions", () => {
    const allowed: readonly [RegExp, RegExp][] = [
      [/^proto\//, /^@webstore\/proto/],
      [/^services\/kit\//, /^@webstore\/(proto|kit)/],
      [/^services\/[^/]+\/definition\.ts$/, /^@webstore\/(proto|kit|[a-z-]+\/definition)/],
      [
        /^services\/(payment-provider|inventory|crm|simulator)\//,
        /^@webstore\/(simulator|kit|[a-z-]+\/definition)/,
      ],
    ];
    const wrong = sources.flatMap((file) => {
      const rules = allowed.filter(([where]) => where.test(file));
      const imports = [...read(file).matchAll(/from "(@webstore\/[^"]+)"/g)].map(
        ([, specifier]) => specifier ?? "",
      );
      return rules.flatMap(([, only]) =>
        imports.filter((each) => !only.test(each)).map((each) => `${file} imports ${each}`),
      );
    });
    expect(wrong, "turn the dependency round: proto ← kit ← definition ← the rest").toEqual([]);
  });

  test("a service shows its definition and its fake, and nothing else", () => {
    const services = system.filter(({ is }) => is.kind === "service").map(({ is }) => is.name);
    const shown = services.map(
      (name) => [name, Object.keys(JSON.parse(read(`services/${name}/package.json`)).exports)] as const,
    );
    const allowed = new Set(["./definition", "./fake"]);
    const tooMuch = shown.filter(([, exports]) => exports.some((each) => !allowed.has(each)));
    expect(tooMuch).toEqual([]);
  });
});

describe("services", () => {
  const services = system.filter(({ is }) => is.kind === "service").map(({ is }) => is.name);

  test("have the same files by the same names", () => {
    const expected = ["definition.ts", "main.ts", "rpc.ts", "refusals.ts"];
    const missing = services.flatMap((name) =>
      expected
        .filter((file) => !existsSync(join(root, "services", name, file)))
        .map((file) => `${name}/${file}`),
    );
    expect(missing).toEqual([]);
  });

  test("are all in system.ts", () => {
    const folders = new Set(
      sources
        .map((file) => /^services\/([^/]+)\/definition\.ts$/.exec(file)?.[1])
        .filter((name) => name !== undefined && name !== "kit"),
    );
    expect([...folders].sort()).toEqual(system.map(({ is }) => is.name).sort());
  });

  test("listen on ports of their own", async () => {
    const ports = await Promise.all(
      sources
        .filter((file) => /^services\/[^/]+\/definition\.ts$/.test(file) && !file.includes("/kit/"))
        .map(async (file) => {
          const exported: Record<string, unknown> = await import(join(root, file));
          return Object.values(exported).flatMap((each) => {
            const is = each as { kind?: string; port?: number; ports?: Record<string, number> };
            return is?.kind === "service"
              ? Object.values(is.ports ?? {})
              : is?.kind === "partner"
                ? [is.port ?? 0]
                : [];
          });
        }),
    );
    const all = ports.flat();
    expect(all.length).toBeGreaterThan(system.length);
    expect(new Set(all).size).toBe(all.length);
  });

  test("are main files of wiring only", () => {
    const long = offenders(
      services.map((name) => `services/${name}/main.ts`),
      (text) => (text.split("\n").length > 90 ? "move what it does into a file of its own" : undefined),
    );
    expect(long).toEqual([]);
  });
});
