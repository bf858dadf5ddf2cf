// Stand-ins in pods, in place of services: made from the charts' own Deployments, so that everything in the mesh that is
// about the service (its Service, its policies, its rules) is about them. Only what runs in the container differs.

import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { parseAllDocuments } from "yaml";
import { apply, kubectl, kubectlJson, must } from "./cluster.ts";
import { type DeclaredCall, services } from "./declared-calls.ts";
import { forwarded } from "./port-forward.ts";
import { builtCharts, imageOf } from "./releases.ts";
import type { Report } from "./stand-in.ts";
import type { Came, Plan, Planned } from "./stand-in-caller.ts";

export type Where = { readonly release: string; readonly namespace: string };
export type Labels = Readonly<Record<string, string>>;
type Container = { readonly name: string; readonly image: string } & Readonly<Record<string, unknown>>;
type Template = {
  readonly metadata: { readonly labels: Labels; readonly annotations?: Labels };
  readonly spec: { readonly containers: readonly Container[] } & Readonly<Record<string, unknown>>;
};
export type Manifest = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Labels };
  readonly spec?: Readonly<Record<string, unknown>>;
};
export type Deployment = Manifest & {
  readonly spec: {
    readonly replicas?: number | null;
    readonly selector: { readonly matchLabels: Labels };
    readonly template: Template;
  };
};

const programs = "webstore-stand-in";
const mountPath = "/app/stand-in";
const readyWithinS = 300;
const goneWithinS = 240;
const callsTimeoutMs = 180_000;

/** Beside the release's own labels, so that the Deployment that it stands in for does not count its pods. */
const ofStandIn: Labels = { "webstore.test/stand-in": "true" };
const isStandIn = Object.entries(ofStandIn)[0]?.join("=") ?? "";

function portsOf(service: string): { readonly rpc: number; readonly admin: number } {
  const ports = services.find(({ name }) => name === service)?.ports;
  if (ports === undefined) throw new Error(`${service} is no service`);
  return ports;
}

const source = (file: string) => readFile(new URL(file, import.meta.url), "utf8");

export async function programsMap({ namespace }: Where): Promise<unknown> {
  const data = {
    "stand-in.ts": await source("stand-in.ts"),
    "stand-in-caller.ts": await source("stand-in-caller.ts"),
  };
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name: programs, namespace }, data };
}

/** What the chart says of the pods, with the stand-in in the container. */
export function standInOf(deployment: Deployment, service: string, image: string): Deployment {
  const ports = portsOf(service);
  const { template } = deployment.spec;
  const labels = { ...template.metadata.labels, ...ofStandIn };
  const container = {
    name: service,
    image,
    command: ["node", `${mountPath}/stand-in.ts`, String(ports.rpc), String(ports.admin)],
    ports: [
      { name: "grpc", containerPort: ports.rpc },
      { name: "admin", containerPort: ports.admin },
    ],
    readinessProbe: { httpGet: { path: "/readyz", port: "admin" }, periodSeconds: 2, timeoutSeconds: 3 },
    resources: { requests: { cpu: "5m", memory: "48Mi" }, limits: { memory: "192Mi" } },
    securityContext: template.spec.containers[0]?.securityContext,
    volumeMounts: [{ name: "stand-in", mountPath }],
  };
  const { name, namespace = "" } = deployment.metadata;
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: `${name}-stand-in`, namespace, labels },
    spec: {
      replicas: 1,
      selector: { matchLabels: { ...deployment.spec.selector.matchLabels, ...ofStandIn } },
      template: {
        metadata: { labels, annotations: template.metadata.annotations ?? {} },
        spec: {
          ...template.spec,
          containers: [container],
          terminationGracePeriodSeconds: 5,
          volumes: [{ name: "stand-in", configMap: { name: programs } }],
        },
      },
    },
  };
}

/** The mesh's objects about a release, and what they hang on; no stores, no secrets, and nothing that the world reaches. */
const kept = new Set([
  ...["ServiceAccount", "Service", "NetworkPolicy"],
  ...["AuthorizationPolicy", "PeerAuthentication", "Sidecar", "VirtualService", "DestinationRule"],
]);

/** A release of which every service is a stand-in. */
export async function installStandIns(where: Where): Promise<void> {
  const charts = await builtCharts();
  try {
    const image = await imageOf("catalog");
    const { serverVersion } = await kubectlJson<{ serverVersion: { gitVersion: string } }>("version");
    const rendered = await must("helm", [
      ...["template", where.release, charts.umbrella, "--namespace", where.namespace],
      ...["--kube-version", serverVersion.gitVersion, "--values", charts.valuesOf.minimal ?? ""],
    ]);
    const items = parseAllDocuments(rendered).flatMap((document): unknown[] => {
      const manifest = document.toJS() as Manifest | null;
      if (manifest === null) return [];
      if (manifest.kind === "Deployment")
        return [standInOf(manifest as Deployment, serviceOf(manifest), image)];
      return kept.has(manifest.kind) && manifest.spec?.gateways === undefined ? [manifest] : [];
    });
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: where.namespace } };
    await applyAll([namespace, await programsMap(where), ...items]);
  } finally {
    await charts.remove();
  }
  await allReady(where);
}

/** One that was put beside a release. */
export async function removeStandIn({ release, namespace }: Where, service: string): Promise<void> {
  const its = [`deployment/${release}-${service}-stand-in`, `configmap/${programs}`];
  await patiently(goneWithinS, "delete", ...its, "--namespace", namespace, "--ignore-not-found");
}

export const removeNamespace = ({ namespace }: Where) =>
  patiently(goneWithinS, "delete", "namespace", namespace, "--ignore-not-found");

const serviceOf = ({ metadata }: Manifest) => metadata.labels?.["app.kubernetes.io/name"] ?? "";

export const applyAll = (items: readonly unknown[]) =>
  apply(JSON.stringify({ apiVersion: "v1", kind: "List", items }));

export async function allReady({ namespace }: Where): Promise<void> {
  const where = ["--namespace", namespace];
  const names = await kubectl("get", "deployment", ...where, "--selector", isStandIn, "--output", "name");
  for (const name of names.trim().split("\n")) await rolledOut(namespace, name);
}

export async function rolledOut(namespace: string, deployment: string): Promise<void> {
  await patiently(readyWithinS, "rollout", "status", deployment, "--namespace", namespace);
}

/** kubectl waits so long itself, and says then what it has waited for. */
const patiently = (seconds: number, ...args: string[]) =>
  must("kubectl", [...args, `--timeout=${seconds}s`], { timeoutMs: (seconds + 10) * 1_000 });

/** Resolves when so many are ready; that proxies know of them is for the caller to see. */
export async function scaleStandIns(where: Where, service: string, replicas: number): Promise<void> {
  const name = `deployment/${where.release}-${service}-stand-in`;
  await kubectl("scale", name, "--namespace", where.namespace, `--replicas=${replicas}`);
  await allReady(where);
}

/** The names of a service's stand-ins, as the replicas name themselves. */
export async function replicasOf({ namespace, release }: Where, service: string): Promise<string[]> {
  const selector = `${isStandIn},app.kubernetes.io/instance=${release},app.kubernetes.io/name=${service}`;
  const { items } = await kubectlJson<{
    items: { metadata: { name: string; deletionTimestamp?: string } }[];
  }>("get", "pods", "--namespace", namespace, "--selector", selector);
  return items
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map(({ metadata }) => metadata.name);
}

async function askReplica<T>(
  where: Where,
  { service, replica, path, json }: { service: string; replica: string; path: string; json?: unknown },
): Promise<T> {
  const url = await forwarded(where.namespace, replica, portsOf(service).admin);
  const body = json === undefined ? {} : { method: "POST", body: JSON.stringify(json) };
  const response = await fetch(`${url}${path}`, { ...body, signal: AbortSignal.timeout(callsTimeoutMs) });
  return (await response.json()) as T;
}

/** What each stand-in of the service has seen since it started. */
export async function reportsOf(where: Where, service: string): Promise<Report[]> {
  const replicas = await replicasOf(where, service);
  return Promise.all(
    replicas.map((replica) => askReplica<Report>(where, { service, replica, path: "/tries" })),
  );
}

export async function triesSeen(where: Where, service: string): Promise<Report["tries"]> {
  const reports = await reportsOf(where, service);
  const forgotten = reports.reduce((sum, each) => sum + each.forgotten, 0);
  if (forgotten > 0) throw new Error(`${service} could not remember ${forgotten} tries`);
  return reports.flatMap(({ tries }) => tries);
}

/** How a replica answers what does not say itself how. */
export async function tellReplica(
  where: Where,
  service: string,
  replica: string,
  answer: string,
): Promise<void> {
  await askReplica(where, { service, replica, path: `/mode?answer=${answer}` });
}

/** What a call says beside where it goes. */
export type Asked = {
  readonly answers?: readonly string[];
  readonly key?: string;
  readonly deadlineMs?: number;
};

export function plannedCall({ release, namespace }: Where, to: DeclaredCall, asked: Asked = {}): Planned {
  const address = `${release}-${to.callee}.${namespace}.svc.cluster.local:${to.port}`;
  return { address, path: to.path, call: randomUUID(), answers: [], ...asked };
}

/** Made in the caller's own pod, so that they leave by its proxy. */
export async function callFrom(
  where: Where,
  caller: string,
  calls: readonly Planned[],
  atOnce = 1,
): Promise<Came[]> {
  const [replica] = await replicasOf(where, caller);
  if (replica === undefined) throw new Error(`${caller} has no stand-in`);
  const plan: Plan = { calls, atOnce };
  return askReplica<Came[]>(where, { service: caller, replica, path: "/calls", json: plan });
}

/** One of the counters of Envoy about a callee, in the proxy of a caller's stand-in. */
export async function proxyCounter(
  { namespace, release }: Where,
  caller: string,
  to: DeclaredCall,
  counter: string,
): Promise<number> {
  const host = `${release}-${to.callee}.${namespace}.svc.cluster.local`;
  const exec = ["exec", `deployment/${release}-${caller}-stand-in`, "--namespace", namespace];
  const printed = await kubectl(
    ...[...exec, "--container", "istio-proxy", "--", "pilot-agent", "request", "GET"],
    `stats?filter=${to.port}.*${host}.*${counter}`,
  );
  const value = /: (\d+)$/m.exec(printed)?.[1];
  if (value === undefined) throw new Error(`no counter ${counter} of ${host}: ${printed.slice(0, 500)}`);
  return Number(value);
}
