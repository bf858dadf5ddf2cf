// Replicas that follow the work: the catalog's autoscaler sees its CPU under load and adds replicas, and a node that is emptied may
// take away one of them at a time.

import { afterAll, beforeAll, expect, test } from "vitest";
import { openShop, type Shop } from "../shop.ts";
import { ingressUrl, kubectlJson, type Ran, ran, say, until } from "./cluster.ts";
import { podsOf } from "./disturbances.ts";
import { installLoad, load, removeLoad } from "./load-release.ts";
import { restMain } from "./main-release.ts";

const replicasMax = 3;
/** Of these a pod at rest takes a tenth, and one that answers all the time more than all. */
const cpuMillis = 100;
const cpuPercent = 50;
const askers = 24;
const scaledWithinMs = 300_000;

const where = ["--namespace", load.namespace];
const catalog = `${load.release}-catalog`;

type Autoscaler = {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly minReplicas: number; readonly maxReplicas: number };
  readonly status: {
    readonly desiredReplicas: number;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly message: string;
    }[];
  };
};
type Deployment = {
  readonly spec: { readonly replicas: number };
  readonly status: { readonly readyReplicas?: number };
};
type Budget = {
  readonly metadata: { readonly name: string };
  readonly status: { readonly disruptionsAllowed: number; readonly expectedPods: number };
};

let wakeMain: (() => Promise<void>) | undefined;
let shop: Shop;

beforeAll(async () => {
  wakeMain = await restMain();
  await installLoad({
    "catalog.autoscaling.enabled": "true",
    "catalog.autoscaling.cpuPercent": String(cpuPercent),
    "catalog.replicas.max": String(replicasMax),
    "catalog.resources.requests.cpu": `${cpuMillis}m`,
  });
  shop = openShop(ingressUrl, { host: load.host });
}, 900_000);

afterAll(async () => {
  await shop?.close();
  await removeLoad();
  await wakeMain?.();
}, 900_000);

const autoscaler = () => kubectlJson<Autoscaler>("get", "hpa", catalog, ...where);
const deployment = () => kubectlJson<Deployment>("get", "deployment", catalog, ...where);
const isTrue = ({ status }: Autoscaler, type: string) =>
  (status.conditions ?? []).some((each) => each.type === type && each.status === "True");

/** Asks for products until it is over, whatever is answered. */
function ask(): { stop(): Promise<number> } {
  let over = false;
  let answers = 0;
  const asking = async () => {
    while (!over) {
      const answer = await shop.ask("/products?page_size=20").catch(() => undefined);
      if (answer?.status === 200) answers++;
    }
  };
  const all = Promise.all(Array.from({ length: askers }, asking));
  return {
    async stop() {
      over = true;
      await all;
      return answers;
    },
  };
}

test("the autoscaler reads the catalog's CPU, and adds replicas under load", async () => {
  const before = await until(
    "the autoscaler is active",
    autoscaler,
    (is) => isTrue(is, "ScalingActive"),
    scaledWithinMs,
  );
  expect(before.spec).toMatchObject({ minReplicas: 1, maxReplicas: replicasMax });
  expect(isTrue(before, "AbleToScale")).toBe(true);

  const startedMs = Date.now();
  const asking = ask();
  try {
    const scaled = await until(
      "the autoscaler wants more replicas",
      autoscaler,
      ({ status }) => status.desiredReplicas > 1,
      scaledWithinMs,
    );
    const wanted = ((Date.now() - startedMs) / 1_000).toFixed(0);
    const grown = await until(
      "they are there",
      deployment,
      ({ spec, status }) => spec.replicas > 1 && (status.readyReplicas ?? 0) >= 2,
      scaledWithinMs,
    );
    const there = ((Date.now() - startedMs) / 1_000).toFixed(0);
    say(
      `1 replica of the catalog wanted to be ${scaled.status.desiredReplicas} after ${wanted} s of load, and was ${grown.status.readyReplicas} after ${there} s`,
    );
  } finally {
    say(`${await asking.stop()} answers meanwhile`);
  }
});

test("every service's pods may be evicted, and those of one service not all at once", async () => {
  const { items: budgets } = await kubectlJson<{ items: Budget[] }>(
    ...["get", "pdb", ...where, "--selector", `app.kubernetes.io/instance=${load.release}`],
  );
  expect(budgets.length).toBeGreaterThanOrEqual(9);
  const closed = budgets.filter(({ status }) => status.disruptionsAllowed < 1 || status.expectedPods < 1);
  expect(closed.map(({ metadata }) => metadata.name)).toEqual([]);

  const pods = await until(
    "the catalog has two pods at least",
    () => podsOf("catalog"),
    (all) => all.length >= 2 && all.every(({ metadata }) => metadata.deletionTimestamp === undefined),
    scaledWithinMs,
  );
  const [first, second] = pods.map(({ metadata }) => metadata.name);
  expect(await evict(first ?? "")).toMatchObject({ code: 0 });
  const refused = await evict(second ?? "");
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toMatch(/disruption budget/);
  say(
    `${budgets.length} budgets allow an eviction each; of the catalog's ${pods.length} pods one was evicted, and the next one refused`,
  );
});

/** What `kubectl drain` asks for a pod. */
function evict(pod: string): Promise<Ran> {
  const metadata = { name: pod, namespace: load.namespace };
  const path = `/api/v1/namespaces/${load.namespace}/pods/${pod}/eviction`;
  const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata };
  return ran("kubectl", ["create", "--raw", path, "--filename", "-"], { input: JSON.stringify(eviction) });
}
