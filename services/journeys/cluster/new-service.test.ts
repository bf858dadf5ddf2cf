// A service that `webstore new` has just made, brought to the cluster beside the others: its image, its chart in the store's, an
// upgrade of the main release. It comes up in the mesh, with its policies, and lets nobody in who did not declare it. Then
// the release goes back to what it was.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { gateway } from "@webstore/gateway/definition";
import { afterAll, beforeAll, expect, test } from "vitest";
import { copyCheckout, works } from "../checkout-copy.ts";
import { openReflected } from "../reflection.ts";
import { kubectl, kubectlJson, main, must, ran, say, shopThroughIngress, until } from "./cluster.ts";
import { calls, podOf } from "./inside.ts";
import { closeForwards, forwarded } from "./port-forward.ts";

const name = "gift-cards";
const contract = "webstore.gift_cards.v1.GiftCardsService";
const where = ["--namespace", main.namespace];
const waiting = ["--wait", "--timeout", "5m"];
const patience = { timeoutMs: 330_000 };
let copy: string;
let ports: { readonly rpc: number };
let revisionBefore: string | undefined;

type Revision = { readonly revision: number };

beforeAll(async () => {
  copy = await copyCheckout();
});

afterAll(async () => {
  await closeForwards();
  if (revisionBefore !== undefined)
    await must("helm", ["rollback", main.release, revisionBefore, ...where, ...waiting], patience);
  if (copy !== undefined) rmSync(copy, { recursive: true, force: true });
}, 600_000);

test("one command makes it, and one upgrade brings it to the cluster", async () => {
  const made = JSON.parse(await works(copy, process.execPath, "cli/main.ts", "new", name, "--json"));
  ports = made.ports;
  // As skaffold would, which builds the images of all the others, too.
  const image = `webstore-${name}:journey`;
  const build = ["build", "--build-arg", `SERVICE=${name}`, "--tag", image, copy];
  await must("docker", build, { timeoutMs: 540_000 });
  const cluster = (await kubectl("config", "current-context")).trim().replace(/^kind-/, "");
  await must("kind", ["load", "docker-image", image, "--name", cluster], patience);

  const umbrella = join(copy, "charts/webstore");
  await must("helm", ["dependency", "build", "--skip-refresh", umbrella]);
  const history = await must("helm", ["history", main.release, ...where, "--output", "json"]);
  revisionBefore = String((JSON.parse(history) as Revision[]).at(-1)?.revision);
  const startedMs = Date.now();
  const values = [`${name}.image.repository=docker.io/library/webstore-${name}`, `${name}.image.tag=journey`];
  await must(
    "helm",
    [
      ...["upgrade", main.release, umbrella, ...where, ...waiting, "--reset-then-reuse-values"],
      ...values.flatMap((value) => ["--set", value]),
    ],
    patience,
  );
  say(
    `${name}: made, built, and ready ${((Date.now() - startedMs) / 1_000).toFixed(0)} s after helm upgrade`,
  );
});

test("it runs in the mesh, with an account, policies and limits of its own", async () => {
  const labels = `app.kubernetes.io/instance=${main.release},app.kubernetes.io/name=${name}`;
  type Pod = { status: { containerStatuses: unknown[]; initContainerStatuses: { name: string }[] } };
  const pods = await kubectlJson<{ items: Pod[] }>("get", "pods", ...where, "--selector", labels);
  const containers = pods.items.flatMap(({ status }) => [
    ...status.containerStatuses,
    ...status.initContainerStatuses.filter(({ name: each }) => each === "istio-proxy"),
  ]);
  expect(pods.items.length).toBeGreaterThan(0);
  expect(containers).toHaveLength(2 * pods.items.length);
  for (const each of containers) expect(each).toMatchObject({ ready: true });

  const kinds = [
    ...["serviceaccount", "service", "networkpolicy", "poddisruptionbudget"],
    ...["authorizationpolicy", "destinationrule", "peerauthentication", "sidecar", "virtualservice"],
  ];
  for (const kind of kinds) await kubectl("get", kind, `${main.release}-${name}`, ...where);
  say(`${name}: ${pods.items.length} pod in the mesh; ${kinds.join(", ")}`);
});

test("it is healthy, says over reflection what it serves, and lets nobody in who did not declare it", async () => {
  const pod = await podOf(name);
  const url = new URL(await forwarded(pod.namespace, pod.pod, ports.rpc));
  const reflected = openReflected(url.host);
  try {
    expect(await reflected.list()).toContain(contract);
  } finally {
    reflected.close();
  }
  const health = ["-plaintext", url.host, "grpc.health.v1.Health/Check"];
  expect(JSON.parse(await must("grpcurl", health))).toEqual({ status: "SERVING" });

  const host = `${main.release}-${name}.${main.namespace}.svc.cluster.local`;
  const asked = { host, port: ports.rpc, path: `/${contract}/DescribeGiftCards` };
  const answers = await calls(await podOf(gateway.name), [asked], "journey-new-service");
  expect(answers).toMatchObject([{ code: 14 }]);
  say(`${name}: SERVING; the gateway, which did not declare it, does not reach it`);
});

test("the store goes on as before", async () => {
  const shop = shopThroughIngress();
  try {
    expect(await shop.ask("/health")).toMatchObject({ status: 200 });
    expect(await shop.products("mug")).not.toHaveLength(0);
  } finally {
    shop.close();
  }
});

test("helm rollback takes it away again", async () => {
  const back = ["rollback", main.release, String(revisionBefore), ...where, ...waiting];
  await must("helm", back, patience);
  revisionBefore = undefined;
  await until(
    "it is gone",
    () => ran("kubectl", ["get", "deployment", `${main.release}-${name}`, ...where]),
    ({ code }) => code !== 0,
  );
  say("helm rollback: it is gone");
});
