// The life of a release beside the main one: it is installed, sells, is changed, goes back, gets a service more, and goes
// without a trace. Once beside it in its namespace, and once under the same name in another.

import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CatalogServiceDefinition } from "@webstore/proto/catalog/v1";
import { afterAll, beforeAll, expect, test } from "vitest";
import { system } from "../../system.ts";
import { isServing } from "../health.ts";
import { openReflected } from "../reflection.ts";
import { kubectl, kubectlJson, main, must, ran, say, shopThroughIngress, until } from "./cluster.ts";
import { calls, podOf, runIn } from "./inside.ts";
import { makeService, type NewService } from "./new-service.ts";
import { closeForwards, forwarded } from "./port-forward.ts";
import { builtCharts, type Charts, imagesOfMain } from "./releases.ts";

type Release = { readonly release: string; readonly namespace: string; readonly host: string };
type Described = {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly data?: Readonly<Record<string, string>>;
};

const beside: Release = { release: "other", namespace: main.namespace, host: "other.local" };
const elsewhere: Release = { release: main.release, namespace: "webstore-two", host: "two.local" };
const minuteMs = 60_000;
const longMs = 90 * minuteMs;
let charts: Charts;
let values: readonly string[];
let made: NewService | undefined;

beforeAll(async () => {
  charts = await builtCharts();
  const files = { images: await imagesOfMain(), small: nextToNoCpu() };
  for (const [name, content] of Object.entries(files))
    await writeFile(join(charts.umbrella, `${name}.json`), content);
  values = [
    charts.valuesOf.minimal ?? "",
    ...Object.keys(files).map((name) => join(charts.umbrella, `${name}.json`)),
  ];
});

afterAll(async () => {
  for (const each of [beside, elsewhere]) await uninstall(each);
  await ran("kubectl", ["delete", "namespace", elsewhere.namespace, "--ignore-not-found"], {
    timeoutMs: 5 * minuteMs,
  });
  await charts?.remove();
  await closeForwards();
  made?.remove();
}, longMs);

/** What runs beside the main release is looked at and not hurried. */
function nextToNoCpu(): string {
  const members = [...system.map(({ is }) => is.name), "postgres", "redis", "mongodb", "kafka"];
  const resources = { requests: { cpu: "1m" } };
  return JSON.stringify({
    global: { istio: { proxy: { cpu: "1m" } } },
    ...Object.fromEntries(members.map((member) => [member, { resources }])),
  });
}

const at = ({ release, namespace }: Release) => [release, "--namespace", namespace];
const waiting = ["--wait", "--timeout", "25m"];
const patience = { timeoutMs: 26 * minuteMs };

function install(is: Release, ...settings: string[]) {
  const set = [`global.host=${is.host}`, ...settings].flatMap((each) => ["--set", each]);
  const files = values.flatMap((file) => ["--values", file]);
  const [release = "", ...where] = at(is);
  const all = [
    "install",
    release,
    charts.umbrella,
    ...where,
    "--create-namespace",
    ...waiting,
    ...files,
    ...set,
  ];
  return ran("helm", all, patience);
}

async function uninstall(is: Release) {
  await ran("helm", ["uninstall", ...at(is), "--ignore-not-found", ...waiting], patience);
}

/** The first paid order by the release's host; gives the shopper's token. */
async function sells({ host }: Release): Promise<string> {
  const shop = shopThroughIngress(host);
  try {
    const shopper = { username: `shopper-${randomUUID().slice(0, 8)}`, password: `pw-${randomUUID()}` };
    await until("a route to the gateway", () => shop.ask("/health"), isOk, 2 * minuteMs);
    await shop.register(shopper);
    const { access_token: token } = await shop.login(shopper);
    await until("the token is believed", () => shop.ask("/cart", { token }), isOk, 3 * minuteMs);
    const [mug] = await shop.products("mug");
    await shop.addToCart(token, mug?.product_id ?? "", 1);
    const bought = await shop.checkout(token, randomUUID());
    expect(bought).toMatchObject({ is: "ordered", order: { status: "paid" } });
    return token;
  } finally {
    shop.close();
  }
}

const isOk = ({ status }: { status: number }) => status === 200;

async function answersTo({ host }: Release, token: string) {
  const shop = shopThroughIngress(host);
  const { status, body } = await shop.ask<string>("/cart", { token }).finally(() => shop.close());
  return { status, body };
}

async function areApart(one: Release, tokens: { ofOne: string; ofMain: string }) {
  const refused = { status: 401, body: "Jwt issuer is not configured" };
  expect(await answersTo(main, tokens.ofMain)).toMatchObject({ status: 200 });
  expect(await answersTo(one, tokens.ofOne)).toMatchObject({ status: 200 });
  expect(await answersTo(main, tokens.ofOne)).toEqual(refused);
  expect(await answersTo(one, tokens.ofMain)).toEqual(refused);
  // Under the labels and names that are let in at home.
  const { batchGetProducts } = CatalogServiceDefinition.methods;
  const path = `/${CatalogServiceDefinition.fullName}/${batchGetProducts.name}`;
  const catalogOf = ({ release, namespace }: Pick<Release, "release" | "namespace">) => ({
    host: `${release}-catalog.${namespace}.svc.cluster.local`,
    port: 5102,
    path,
    request: batchGetProducts.requestType.encode({ productIds: [randomUUID()] }).finish(),
  });
  const asked = [catalogOf(one), catalogOf(main)];
  const answers = await calls(await podOf("gateway", one), asked, "journey-neighbour");
  expect(answers).toMatchObject([{ code: 0 }, { code: 14 }]);
  say(
    `${one.release} in ${one.namespace} and the main release: neither's tokens nor calls are let in by the other`,
  );
}

/** Every object that has the release's label or begins with its name, of every kind that can be listed, and its volumes. */
async function remainsOf({ release, namespace }: Release): Promise<string[]> {
  const kinds = (await kubectl("api-resources", "--verbs=list", "--namespaced", "--output=name"))
    .trim()
    .split("\n")
    // What happened is told for an hour; what was measured is no object.
    .filter((kind) => !/^events|\.metrics\.k8s\.io$/.test(kind));
  const listed = await kubectl(
    ...["get", kinds.join(","), "--namespace", namespace, "--ignore-not-found"],
    ...["--output", `jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.labels}{"\\n"}{end}`],
  );
  const named = (line: string) => line.split(/[/ ]/)[1]?.startsWith(`${release}-`);
  const labelled = (line: string) => line.includes(`"app.kubernetes.io/instance":"${release}"`);
  const helms = (line: string) => line.includes(`/sh.helm.release.v1.${release}.`);
  const objects = listed.split("\n").filter((line) => named(line) || labelled(line) || helms(line));
  const volumes = await kubectl(
    ...["get", "persistentvolumes", "--output"],
    `jsonpath={range .items[*]}{.spec.claimRef.namespace}/{.spec.claimRef.name}{"\\n"}{end}`,
  );
  const claimed = volumes.split("\n").filter((line) => line.startsWith(`${namespace}/data-${release}-`));
  return [...objects, ...claimed];
}

async function goesWithoutTrace(is: Release) {
  const there = await remainsOf(is);
  // Every kind that a release has: otherwise nothing was looked at.
  for (const kind of [
    "Deployment/",
    "PersistentVolumeClaim/",
    "Secret/",
    "AuthorizationPolicy/",
    "Sidecar/",
    "Gateway/",
  ])
    expect(
      there.some((line) => line.startsWith(kind)),
      kind,
    ).toBe(true);
  await must("helm", ["uninstall", ...at(is), ...waiting], patience);
  await until(
    "everything is gone",
    () => remainsOf(is),
    (remains) => remains.length === 0,
    5 * minuteMs,
  );
  const shop = shopThroughIngress(is.host);
  await until(
    "the ingress knows its host no more",
    () => shop.ask("/health"),
    ({ status }) => status === 404,
    minuteMs,
  ).finally(() => shop.close());
  say(
    `helm uninstall of ${is.release} in ${is.namespace}: ${there.length} objects and volumes were there, 0 are left`,
  );
}

test.each([
  ["orders.replicas.min=two", "at '/replicas/min': got string, want integer"],
  ["orders.replica.min=2", "additional properties 'replica' not allowed"],
  ["global.logLevel=loud", "at '/global/logLevel'"],
])("a wrong value fails at install with the schema's message: %s", async (setting, message) => {
  const { code, stderr } = await install(beside, setting);
  expect(code).not.toBe(0);
  expect(stderr).toContain("don't meet the specifications of the schema");
  expect(stderr).toContain(message);
  expect(await remainsOf(beside)).toEqual([]);
  say(
    `--set ${setting}: ${stderr
      .split("\n")
      .find((line) => line.includes(message))
      ?.trim()}`,
  );
});

test(
  "a second release in the main one's namespace is a store of its own",
  async () => {
    const startedMs = Date.now();
    expect(await install(beside)).toMatchObject({ code: 0 });
    say(`other, beside the main release: installed and ready after ${secondsSince(startedMs)} s`);
    const [ofOne, ofMain] = [await sells(beside), await sells(main)];
    say(
      `first paid order on it ${secondsSince(startedMs)} s after the beginning, and one on the main release`,
    );
    await areApart(beside, { ofOne, ofMain });
  },
  longMs,
);

const secondsSince = (startedMs: number) => ((Date.now() - startedMs) / 1_000).toFixed(0);

test(
  "helm test passes",
  async () => {
    const printed = await must("helm", ["test", ...at(beside), "--timeout", "5m"], patience);
    expect(printed).toMatch(/Phase:\s+Succeeded/);
    say("helm test: Succeeded");
  },
  longMs,
);

/** The pods that last, by what made them. */
async function podsByMember({ release, namespace }: Release): Promise<Record<string, string>> {
  const { items } = await kubectlJson<{
    items: readonly (Described & {
      readonly metadata: {
        readonly labels: Readonly<Record<string, string>>;
        readonly deletionTimestamp?: string;
      };
      readonly status: { readonly phase: string };
    })[];
  }>("get", "pods", "--namespace", namespace, "--selector", `app.kubernetes.io/instance=${release}`);
  const staying = items.filter(
    ({ metadata, status }) => metadata.deletionTimestamp === undefined && status.phase === "Running",
  );
  return Object.fromEntries(
    staying.map(({ metadata }) => [metadata.labels["app.kubernetes.io/name"] ?? "", metadata.uid]),
  );
}

const secretOf = async ({ release, namespace }: Release) =>
  (await kubectlJson<Described>("get", "secret", `${release}-secrets`, "--namespace", namespace)).data;

/** Where the mesh asks for the keys of this installation's tokens. */
const keysOf = ({ release, namespace }: Release) =>
  kubectl(
    ...["get", "requestauthentication", `${release}-gateway`, "--namespace", namespace],
    ...["--output", "jsonpath={.spec.jwtRules[*].jwksUri}"],
  );

const logLevelOf = async (is: Release) =>
  runIn<string>(await podOf("catalog", is), "console.log(JSON.stringify(process.env.LOG_LEVEL))");

const changedFrom = (before: Record<string, string>, after: Record<string, string>) =>
  Object.keys({ ...before, ...after }).filter((member) => before[member] !== after[member]);

test(
  "helm upgrade with one service's value rolls that service alone and keeps the keys; helm rollback brings it back",
  async () => {
    const pods = await podsByMember(beside);
    const secret = await secretOf(beside);
    const keys = await keysOf(beside);
    expect(keys).toMatch(/\?installation=\w+$/);
    expect(Object.keys(pods).length).toBeGreaterThanOrEqual(16);
    expect(Object.keys(secret ?? {}).length).toBeGreaterThan(5);
    expect(await logLevelOf(beside)).toBe("info");

    const [release = "", ...where] = at(beside);
    const change = ["--reuse-values", "--set", "catalog.config.LOG_LEVEL=debug"];
    await must("helm", ["upgrade", release, charts.umbrella, ...where, ...change, ...waiting], patience);
    expect(await logLevelOf(beside)).toBe("debug");
    const upgraded = await podsByMember(beside);
    expect(changedFrom(pods, upgraded)).toEqual(["catalog"]);
    expect(await secretOf(beside)).toEqual(secret);
    expect(await keysOf(beside)).toBe(keys);
    const jobs = await kubectl("get", "jobs", "--namespace", beside.namespace, "--output=name");
    expect(jobs).not.toContain("/other-");
    say(
      "helm upgrade --set catalog.config.LOG_LEVEL=debug: of 16 pods catalog's alone is new, every key is as it was",
    );

    await must("helm", ["rollback", release, "1", ...where, ...waiting], patience);
    expect(await logLevelOf(beside)).toBe("info");
    expect(changedFrom(upgraded, await podsByMember(beside))).toEqual(["catalog"]);
    expect(await secretOf(beside)).toEqual(secret);
    say("helm rollback: info again, the same one pod, the same keys");
    await sells(beside);
    say("and it sells");
  },
  longMs,
);

test(
  "a service that `webstore new` has made comes up beside the others, and touches none of them",
  async () => {
    made = await makeService();
    const { name, umbrella, settings, kinds, contract, ports } = made;
    const pods = await podsByMember(beside);
    const startedMs = Date.now();
    const [release = "", ...where] = at(beside);
    const change = ["--reset-then-reuse-values", ...settings.flatMap((each) => ["--set", each])];
    await must("helm", ["upgrade", release, umbrella, ...where, ...change, ...waiting], patience);
    expect(changedFrom(pods, await podsByMember(beside))).toEqual([name]);
    for (const kind of kinds) await kubectl("get", kind, `${release}-${name}`, ...where);
    say(
      `helm upgrade with ${name}, made by \`webstore new\`: ready after ${secondsSince(startedMs)} s, no other pod is new; it brings ${kinds.join(", ")}`,
    );

    const pod = await podOf(name, beside);
    const { host: address } = new URL(await forwarded(pod.namespace, pod.pod, ports.rpc));
    expect(await isServing(address)).toBe(true);
    const reflected = openReflected(address);
    expect(await reflected.list().finally(() => reflected.close())).toContain(contract);
    const host = `${release}-${name}.${beside.namespace}.svc.cluster.local`;
    const asked = { host, port: ports.rpc, path: `/${contract}/DescribeGiftCards` };
    const answers = await calls(await podOf("gateway", beside), [asked], "journey-new-service");
    expect(answers).toMatchObject([{ code: 14 }]);
    say(`${name}: in the mesh, SERVING, reflection works; whoever did not declare it does not reach it`);
    await sells(beside);
  },
  longMs,
);

test("helm uninstall leaves nothing behind", () => goesWithoutTrace(beside), longMs);

test(
  "a release of the same name in another namespace is a store of its own, and goes without a trace",
  async () => {
    const startedMs = Date.now();
    expect(await install(elsewhere)).toMatchObject({ code: 0 });
    const [ofOne, ofMain] = [await sells(elsewhere), await sells(main)];
    say(
      `webstore in webstore-two: first paid order ${secondsSince(startedMs)} s after the beginning of the installation`,
    );
    await areApart(elsewhere, { ofOne, ofMain });
    await goesWithoutTrace(elsewhere);
    await sells(main);
    say("the main release sells on");
  },
  longMs,
);
