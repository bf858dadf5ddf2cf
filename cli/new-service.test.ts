// `webstore new` in a copy of this checkout, with everything that follows from it: what it writes, what it leaves alone,
// and whether the new service is one like the others.

import { execFileSync, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { demoUsers } from "@webstore/kit";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { parseAllDocuments } from "yaml";
import { copyCheckout, run, type Said, works } from "../services/journeys/checkout-copy.ts";
import { isServing } from "../services/journeys/health.ts";
import { openReflected } from "../services/journeys/reflection.ts";
import { namesOf } from "./new-service-name.ts";
import { freePorts, withMember } from "./new-service-system.ts";

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const root = join(import.meta.dirname, "..");
const { PATH = "" } = process.env;

/** The command of the checkout it is typed in, as npx finds it. */
const webstore = (cwd: string, ...args: readonly string[]) =>
  run(cwd, process.execPath, join(root, "cli", "main.ts"), ...args);

describe("a service that is made by `webstore new gift-cards`", () => {
  let copy: string;
  let made: Said;
  const git = (...args: readonly string[]) => works(copy, "git", ...args);

  beforeAll(async () => {
    copy = await copyCheckout();
    // The copy's own command, from a folder further down.
    made = await run(join(copy, "services"), process.execPath, "../cli/main.ts", "new", "gift-cards");
  });
  afterAll(() => rmSync(copy, { recursive: true, force: true }));

  test("says what it wrote and what comes next", () => {
    expect(made.status, made.err).toBe(0);
    const lines = made.out.split("\n");
    expect(lines.slice(0, lines.indexOf(""))).toEqual([
      "proto/webstore/gift_cards/v1/gift_cards.proto",
      ...[
        "package.json",
        "definition.ts",
        "main.ts",
        "rpc.ts",
        "describe-gift-cards.ts",
        "gift-cards.ts",
        "refusals.ts",
        "fake.ts",
        "gift-cards.contract.ts",
        "gift-cards.test.ts",
        "refusals.test.ts",
      ].map((file) => `services/gift-cards/${file}`),
      "services/system.ts: one line, and its import",
    ]);
    expect(made.out).toMatch("gift-cards serves webstore.gift_cards.v1.GiftCardsService on 51");
    expect(made.out).not.toMatch("Next:");
  });

  test("needs nothing else: one line in system.ts with its import, and what is generated", async () => {
    const changed = (await git("status", "--porcelain", "--untracked-files=all")).trimEnd().split("\n");
    const added = changed.flatMap((line) => (line.startsWith("?? ") ? [line.slice(3)] : []));
    const folders =
      /^(services\/gift-cards|proto\/webstore\/gift_cards|proto\/gen\/webstore\/gift_cards|charts\/gift-cards)\//;
    expect(added.filter((file) => !folders.test(file))).toEqual([]);
    expect(new Set(added.map((file) => folders.exec(file)?.[1])).size).toBe(4);

    const edited = changed.flatMap((line) => (line.startsWith(" M ") ? [line.slice(3)] : []));
    expect(edited.length + added.length).toBe(changed.length);
    const generated = /^(charts\/webstore\/|proto\/gen\/|skaffold\.yaml$|package-lock\.json$)/;
    expect(edited.filter((file) => !generated.test(file))).toEqual(["services/system.ts"]);

    expect(await git("diff", "--numstat", "services/system.ts")).toBe("2\t0\tservices/system.ts\n");
    const lines = (await git("diff", "--unified=0", "services/system.ts")).match(/^\+[^+].*/gm);
    expect(lines).toEqual([
      '+import { giftCards } from "@webstore/gift-cards/definition";',
      '+  { is: giftCards, load: async () => (await import("./gift-cards/main.ts")).program.start },',
    ]);
    // npm's two entries of a package that lies here, and no other package.
    expect(await git("diff", "--numstat", "package-lock.json")).toBe("8\t0\tpackage-lock.json\n");
  });

  test("compiles, and keeps the rules of the layout, the style and the contracts", async () => {
    const laidOut = ["services/gift-cards", "services/system.ts"];
    await Promise.all([
      works(copy, "tsc", "--noEmit"),
      works(copy, "buf", "lint"),
      works(copy, "biome", "check", "--error-on-warnings", ...laidOut),
      works(copy, "npm", "run", "check:calls"),
    ]);
  });

  test("passes its own tests, and those of whatever is about every service", async () => {
    const about = [
      "tidy.test.ts",
      "services/system.test.ts",
      "proto/contracts.test.ts",
      "proto/gen.test.ts",
      "services/gift-cards",
    ];
    const report = join(copy, ".webstore", "tests.json");
    await works(copy, "vitest", "run", "--reporter=json", `--outputFile=${report}`, ...about);
    const { testResults, numTotalTests } = JSON.parse(readFileSync(report, "utf8"));
    const files = (testResults as { name: string }[]).map(({ name }) => name.split(`${copy}/`)[1]);
    expect(files.sort()).toEqual([
      "proto/contracts.test.ts",
      "proto/gen.test.ts",
      "services/gift-cards/gift-cards.test.ts",
      "services/gift-cards/refusals.test.ts",
      "services/system.test.ts",
      "tidy.test.ts",
    ]);
    expect(numTotalTests).toBeGreaterThan(20);
  });

  test("starts, is healthy, says over reflection what it serves, and answers", async () => {
    const started = await startService(copy);
    const reflected = openReflected(started.address);
    try {
      expect(await isServing(started.address)).toBe(true);
      expect(await reflected.list()).toContain("webstore.gift_cards.v1.GiftCardsService");
      const method = "webstore.gift_cards.v1.GiftCardsService/DescribeGiftCards";
      await expect(reflected.call(method, {})).rejects.toThrow("UNAUTHENTICATED");
      const ada = { authorization: `Bearer ${demoUsers.ada.token}` };
      expect(await reflected.call(method, {}, ada)).toEqual({ name: "gift-cards", version: "0.1.0" });
    } finally {
      reflected.close();
      await started.stop();
    }
  });

  test.runIf(hasHelm())(
    "has a chart, with probes, policy and the mesh's rules; so has the store's",
    async () => {
      const version = ["--kube-version", "1.34.0"];
      await works(copy, "helm", "lint", "--strict", "charts/gift-cards", ...version);
      const own = objectsOf(await works(copy, "helm", "template", "shop", "charts/gift-cards", ...version));
      expect(Object.keys(own)).toEqual(
        expect.arrayContaining([
          "AuthorizationPolicy shop-gift-cards",
          "Deployment shop-gift-cards",
          "DestinationRule shop-gift-cards",
          "NetworkPolicy shop-gift-cards",
          "PeerAuthentication shop-gift-cards",
          "PodDisruptionBudget shop-gift-cards",
          "Service shop-gift-cards",
          "ServiceAccount shop-gift-cards",
          "Sidecar shop-gift-cards",
          "VirtualService shop-gift-cards",
        ]),
      );
      expect(own["Deployment shop-gift-cards"]).toMatchObject({
        spec: {
          template: {
            spec: {
              automountServiceAccountToken: false,
              securityContext: { runAsNonRoot: true },
              containers: [
                {
                  startupProbe: { grpc: { port: expect.any(Number) } },
                  livenessProbe: { grpc: { port: expect.any(Number) } },
                  readinessProbe: { httpGet: { path: "/readyz" } },
                },
              ],
            },
          },
        },
      });

      await works(copy, "helm", "dependency", "build", "charts/webstore");
      const values = ["--values", "charts/webstore/ci/minimal-values.yaml"];
      const store = await works(copy, "helm", "template", "shop", "charts/webstore", ...version, ...values);
      expect(Object.keys(objectsOf(store))).toContain("Deployment shop-gift-cards");
      expect(readFileSync(join(copy, "skaffold.yaml"), "utf8")).toContain("image: webstore-gift-cards\n");
    },
  );

  test("is not made twice, and a second one has ports of its own and leaves npm to whoever asks for that", async () => {
    const again = await webstore(copy, "new", "gift-cards");
    expect(again).toMatchObject({ status: 2, err: expect.stringMatching(/is taken: there is services\//) });

    const [, rpc] = /rpc: (\d+)/.exec(definitionIn(copy, "gift-cards")) ?? [];
    const name = "recommendations-for-customers";
    const second = await webstore(copy, "new", name, "--no-install", "--json");
    expect(second.status, second.err).toBe(0);
    expect(JSON.parse(second.out)).toMatchObject({
      name,
      package: "webstore.recommendations_for_customers.v1",
      ports: { rpc: Number(rpc) + 1, admin: Number(rpc) + 101 },
      installed: false,
    });
    expect(existsSync(join(copy, "charts", name))).toBe(false);
    // A name as long as this breaks every line that it stands in.
    await works(copy, "biome", "check", "--linter-enabled=false", `services/${name}`, "services/system.ts");
    await works(copy, "buf", "lint");

    const third = await webstore(copy, "new", "wish-lists");
    expect(third).toMatchObject({ status: 1, err: expect.stringMatching("`npm install` and `npm run gen") });
    expect(readdirSync(join(copy, "services"))).not.toContain("wish-lists");
  });
});

const definitionIn = (copy: string, name: string) =>
  readFileSync(join(copy, "services", name, "definition.ts"), "utf8");

function hasHelm(): boolean {
  try {
    execFileSync("helm", ["version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

function objectsOf(manifests: string): Record<string, unknown> {
  const objects = parseAllDocuments(manifests).flatMap((each) => each.toJS() ?? []);
  return Object.fromEntries(objects.map((each) => [`${each.kind} ${each.metadata.name}`, each]));
}

/** The process as a pod runs it. */
async function startService(copy: string): Promise<{ address: string; stop(): Promise<unknown> }> {
  const child = spawn(process.execPath, ["services/gift-cards/main.ts"], {
    cwd: copy,
    env: {
      PATH,
      INTERNAL_API_KEY: "test-internal-key",
      JWKS_URL: "http://127.0.0.1:1/",
      DEMO_TOKENS: "true",
      RPC_PORT: "0",
      ADMIN_PORT: "0",
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise((resolve) => child.once("close", resolve));
  for await (const line of createInterface({ input: child.stdout })) {
    const { msg, rpc } = JSON.parse(line) as { msg: string; rpc: number };
    if (msg !== "ready") continue;
    const stop = () => {
      child.kill("SIGTERM");
      return ended;
    };
    return { address: `127.0.0.1:${rpc}`, stop };
  }
  throw new Error("the service ended instead of starting");
}

describe("names", () => {
  test("become those of a definition, a contract and a package", () => {
    expect(namesOf("gift-cards")).toEqual({
      name: "gift-cards",
      camel: "giftCards",
      pascal: "GiftCards",
      snake: "gift_cards",
    });
    expect(namesOf("fraud")).toMatchObject({ camel: "fraud", pascal: "Fraud", snake: "fraud" });
  });

  test.each([
    ...["Gift-Cards", "gift_cards", "gift--cards", "-gift", "gift-", "2gift", "gift-2", "../gift", "g", ""],
    "a-very-long-name-of-thirty-chars",
  ])("must be words with hyphens between them, which %o is not", (name) => {
    expect(() => namesOf(name)).toThrow("must be 2 to 30");
  });

  test.each(["kit", "journeys", "webstore", "kafka", "postgres", "test", "new", "rpc"])(
    "are not those of something else, as %s is",
    (name) => {
      expect(() => namesOf(name)).toThrow("something else is called so");
    },
  );

  test.each([
    ["gift_cards", "gift_cards cannot be a name"],
    ["cart", "is taken: there is services/cart already"],
    ["processing", "is taken: there is proto/webstore/processing already"],
  ])("are refused before anything is written: %s", async (name, words) => {
    const { status, out, err } = await webstore(root, "new", name);
    expect([status, out, err]).toEqual([2, "", expect.stringMatching(words)]);
  });

  test("are of no use outside of a checkout", async () => {
    const { status, err } = await webstore(tmpdir(), "new", "gift-cards");
    expect([status, err]).toEqual([2, expect.stringMatching("is not inside a checkout of WebStore")]);
  });

  test("are explained by the help, with what a package cannot have", async () => {
    const { status, out } = await webstore(tmpdir(), "new", "--help");
    expect(status).toBe(0);
    expect(out).toMatch("webstore.gift_cards.v1.GiftCardsService: a contract's package has underscores");
    expect(out).toMatch("--no-install");
  });
});

test("ports are the first two a hundred apart that nobody has, of services and of partners", () => {
  const system = [
    { is: { ports: { rpc: 5_101, admin: 5_201 } } },
    { is: { port: 5_102 } },
    { is: { ports: { rpc: 9_080, admin: 5_203, http: 8_000 } } },
  ];
  expect(freePorts(system)).toEqual({ rpc: 5_104, admin: 5_204 });
  const full = Array.from({ length: 99 }, (_, index) => ({ is: { port: 5_101 + index } }));
  expect(() => freePorts(full)).toThrow("all taken");
});

test("a list of services that is none is left alone", () => {
  expect(() => withMember("export const systems = [];\n", namesOf("gift-cards"))).toThrow("has no list");
});
