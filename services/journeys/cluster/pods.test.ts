// What the release's pods may do and what they ask of a node: by what stands in them, by what their processes say from
// inside, and by what Kubernetes' own restricted Pod Security takes. Sums are printed beside what is really used.

import { afterAll, beforeAll, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { apply, kubectl, kubectlJson, main, must, ran, say, until } from "./cluster.ts";
import { builtCharts, type Charts } from "./releases.ts";

type Security = {
  readonly runAsNonRoot?: boolean;
  readonly runAsUser?: number;
  readonly readOnlyRootFilesystem?: boolean;
  readonly allowPrivilegeEscalation?: boolean;
  readonly capabilities?: { readonly drop?: readonly string[]; readonly add?: readonly string[] };
  readonly seccompProfile?: { readonly type: string };
};
type Amounts = { readonly cpu?: string; readonly memory?: string };
type Container = {
  readonly name: string;
  readonly resources: { readonly requests?: Amounts; readonly limits?: Amounts };
  readonly securityContext?: Security;
  readonly volumeMounts?: readonly { readonly mountPath: string }[];
};
type PodSpec = {
  readonly automountServiceAccountToken?: boolean;
  readonly securityContext?: Security;
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
};
type Metadata = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly deletionTimestamp?: string;
};
type Pod = {
  readonly metadata: Metadata;
  readonly spec: PodSpec;
  readonly status: {
    readonly phase: string;
    readonly containerStatuses?: readonly { readonly ready: boolean }[];
  };
};
type Manifest = {
  readonly kind: string;
  readonly metadata: Metadata;
  readonly spec?: unknown;
  readonly [field: string]: unknown;
};

const restricted = "webstore-restricted";
const monitorKind = "servicemonitors.monitoring.coreos.com";
const stores = ["postgres", "redis", "mongodb", "kafka"];
let charts: Charts;
let isMonitorOurs = false;

beforeAll(async () => {
  charts = await builtCharts();
  await apply(`
apiVersion: v1
kind: Namespace
metadata:
  name: ${restricted}
  labels:
    pod-security.kubernetes.io/enforce: restricted
    pod-security.kubernetes.io/warn: restricted
`);
});

afterAll(async () => {
  await charts?.remove();
  await kubectl("delete", "namespace", restricted, "--ignore-not-found");
  if (isMonitorOurs) await kubectl("delete", "crd", monitorKind, "--ignore-not-found");
});

/** All of them, once none comes or goes: a Job that is done is no part of what runs. */
async function podsOfMain(): Promise<readonly Pod[]> {
  const running = async () => {
    const { items } = await kubectlJson<{ items: readonly Pod[] }>(
      ...["get", "pods", "--namespace", main.namespace],
      ...["--selector", `app.kubernetes.io/instance=${main.release}`],
    );
    return items.filter(({ status }) => status.phase !== "Succeeded");
  };
  const isSettled = ({ metadata, status }: Pod) =>
    metadata.deletionTimestamp === undefined &&
    status.phase === "Running" &&
    (status.containerStatuses ?? []).every(({ ready }) => ready);
  return until("every pod is ready", running, (pods) => pods.every(isSettled), 300_000);
}

/** What holds of a container: its own word goes before its pod's. */
const securityOf = ({ spec }: Pod, { securityContext }: Container): Security => ({
  ...spec.securityContext,
  ...securityContext,
});

test("every container of every pod runs with nothing that it does not need", async () => {
  const pods = await podsOfMain();
  expect(pods.length).toBeGreaterThanOrEqual(16);
  let containers = 0;
  for (const pod of pods) {
    const { name } = pod.metadata;
    expect(pod.spec.automountServiceAccountToken, name).toBe(false);
    // The sidecar stands among the init containers and stays. Before it the mesh's own istio-init is root with NET_ADMIN,
    // because it lays the pod's traffic through the proxy, and ends; where a cluster has istio-cni nobody needs that.
    const sidecar = (pod.spec.initContainers ?? []).filter((each) => each.name !== "istio-init");
    expect(
      sidecar.map((each) => each.name),
      name,
    ).toEqual(["istio-proxy"]);
    for (const container of [...pod.spec.containers, ...sidecar]) {
      const what = `${name}/${container.name}`;
      const security = securityOf(pod, container);
      expect(security, what).toMatchObject({
        runAsNonRoot: true,
        readOnlyRootFilesystem: true,
        allowPrivilegeEscalation: false,
        capabilities: { drop: ["ALL"] },
      });
      expect(security.runAsUser, what).toBeGreaterThan(0);
      expect(security.capabilities?.add ?? [], what).toEqual([]);
      expect(security.seccompProfile?.type, what).toBe("RuntimeDefault");
      const mounts = (container.volumeMounts ?? []).map(({ mountPath }) => mountPath);
      expect(
        mounts.filter((path) => path.startsWith("/var/run/secrets/kubernetes.io")),
        what,
      ).toEqual([]);
      containers += 1;
    }
    for (const { resources, name: container } of pod.spec.containers) {
      const what = `${name}/${container}`;
      expect(resources.requests, what).toMatchObject({ cpu: expect.any(String), memory: expect.any(String) });
      // Of memory only: a limit of CPU slows down whoever needs more for a moment on a node that has it.
      expect(resources.limits, what).toMatchObject({ memory: expect.any(String) });
    }
  }
  say(
    `${pods.length} pods, ${containers} containers: non-root, read-only, drop ALL, RuntimeDefault, no API token; requests and memory limits`,
  );
});

test("the processes say the same from inside", async () => {
  const pods = await podsOfMain();
  const look = [
    "echo uid $(id -u)",
    "grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status",
    "(echo x > /written) 2>/dev/null && echo root filesystem is written to",
    "ls /var/run/secrets/kubernetes.io/serviceaccount 2>/dev/null && echo a token is here",
    "true",
  ].join("; ");
  for (const { metadata, spec } of pods) {
    const container = spec.containers[0]?.name ?? "";
    const said = await kubectl(
      ...["exec", metadata.name, "--namespace", main.namespace, "--container", container],
      ...["--", "sh", "-c", look],
    );
    const lines = said
      .trim()
      .split("\n")
      .map((line) => line.replaceAll(/\s+/g, " "));
    expect(lines.slice(1).sort(), metadata.name).toEqual([
      "CapBnd: 0000000000000000",
      "CapEff: 0000000000000000",
      "NoNewPrivs: 1",
      "Seccomp: 2",
    ]);
    expect(lines[0], metadata.name).toMatch(/^uid [1-9]\d*$/);
  }
  say(
    `${pods.length} processes: not root, no capability to have or get, a seccomp filter, nothing to write to`,
  );
});

/** Without being told, helm renders for the version that it was built with. */
async function kubernetesVersion(): Promise<string> {
  const { serverVersion } = await kubectlJson<{ serverVersion: { gitVersion: string } }>("version");
  return serverVersion.gitVersion;
}

async function templates(values: string, namespace: string): Promise<Manifest[]> {
  const file = charts.valuesOf[values];
  if (file === undefined) throw new Error(`charts/webstore/ci has no values ${values}`);
  const text = await must("helm", [
    ...["template", "dry-run", charts.umbrella, "--namespace", namespace, "--values", file],
    ...["--kube-version", await kubernetesVersion()],
  ]);
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);
}

/** A workload's pods, as the one who makes them would. */
function podsIn(manifests: readonly Manifest[]): Manifest[] {
  return manifests.flatMap(({ kind, metadata, spec, ...rest }) => {
    if (kind === "Pod") return [{ ...rest, kind, metadata, spec }];
    const template = (spec as { template?: { metadata: Metadata; spec: PodSpec } } | undefined)?.template;
    if (template?.spec?.containers === undefined) return [];
    const { labels } = template.metadata;
    const volumes = claimsOf(spec);
    const its = { ...template.spec, volumes: [...volumesOf(template.spec), ...volumes] };
    return [{ apiVersion: "v1", kind: "Pod", metadata: { name: metadata.name, labels }, spec: its }];
  });
}

const volumesOf = (spec: unknown) => (spec as { volumes?: readonly unknown[] }).volumes ?? [];

/** A stateful set's claims are volumes of its pods by their names. */
function claimsOf(spec: unknown) {
  const { volumeClaimTemplates = [] } = spec as { volumeClaimTemplates?: readonly Pod[] };
  return volumeClaimTemplates.map(({ metadata: { name } }) => ({
    name,
    persistentVolumeClaim: { claimName: `${name}-of-nobody` },
  }));
}

const listOf = (items: readonly unknown[]) => JSON.stringify({ apiVersion: "v1", kind: "List", items });

const dryRun = (items: readonly unknown[], namespace: string) =>
  ran("kubectl", ["apply", "--dry-run=server", "--namespace", namespace, "--filename", "-"], {
    input: listOf(items),
  });

test("a namespace with restricted Pod Security takes every pod of a release without a mesh", async () => {
  const manifests = await templates("no-mesh", restricted);
  // A pod is not looked at before its account is there.
  const accounts = manifests.filter(({ kind }) => kind === "ServiceAccount");
  await apply(listOf(accounts));
  const pods = podsIn(manifests);
  expect(pods.length).toBeGreaterThanOrEqual(17);
  const answer = await until(
    "the accounts are known",
    () => dryRun(pods, restricted),
    ({ stderr }) => !stderr.includes("error looking up service account"),
  );
  expect(answer).toMatchObject({ code: 0, stderr: "" });
  expect(answer.stdout.trim().split("\n")).toHaveLength(pods.length);

  // The same namespace does refuse: whoever wants to be root is told so.
  const [first] = pods as unknown as [Pod];
  const root = {
    ...first,
    spec: { ...first.spec, securityContext: { runAsUser: 0, runAsNonRoot: false } },
  };
  const refused = await dryRun([root], restricted);
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toContain('violates PodSecurity "restricted');
  say(
    `restricted Pod Security takes all ${pods.length} pods of a release without a mesh, and refuses a root`,
  );
});

/** As much of Prometheus Operator's definition as says that the kind is there; its own is used where it is installed. */
const monitorDefinition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: ${monitorKind}
spec:
  group: monitoring.coreos.com
  scope: Namespaced
  names: { kind: ServiceMonitor, listKind: ServiceMonitorList, plural: servicemonitors, singular: servicemonitor }
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties: { spec: { type: object, x-kubernetes-preserve-unknown-fields: true } }
`;

async function withMonitors() {
  const { code } = await ran("kubectl", ["get", "crd", monitorKind]);
  if (code === 0) return;
  isMonitorOurs = true;
  await apply(monitorDefinition);
  await kubectl("wait", "--for=condition=Established", `crd/${monitorKind}`, "--timeout=60s");
}

test("the API server takes every object of every set of values, without a warning", async () => {
  await withMonitors();
  const sets = Object.keys(charts.valuesOf).sort();
  expect(sets).toEqual(["full", "minimal", "no-mesh", "production"]);
  for (const values of sets) {
    const manifests = await templates(values, restricted);
    // A pod that stands alone needs its account first; the test before this one looks at all pods.
    const objects = manifests.filter(({ kind }) => kind !== "Pod");
    const answer = await until(
      `the kinds of ${values} are known`,
      () => dryRun(objects, restricted),
      ({ stderr }) => !stderr.includes("ensure CRDs are installed first"),
    );
    expect(answer, values).toMatchObject({ code: 0, stderr: "" });
    expect(answer.stdout.trim().split("\n"), values).toHaveLength(objects.length);
    say(`values ${values}: the API server takes all ${objects.length} objects, no warning`);
  }
});

const units: Readonly<Record<string, number>> = { Ki: 1 / 1024, Mi: 1, Gi: 1024 };

function mebibytesOf(quantity: string): number {
  const [, number, unit = ""] = /^(\d+)(\D*)$/.exec(quantity) ?? [];
  const factor = units[unit];
  if (number === undefined || factor === undefined) throw new Error(`${quantity} is not in Ki, Mi or Gi`);
  return Number(number) * factor;
}

test("the services and the partners ask for a gibibyte at most; what all use is printed", async () => {
  const pods = await podsOfMain();
  const isStore = ({ metadata }: Pod) => stores.includes(metadata.labels["app.kubernetes.io/name"] ?? "");
  const requestedOf = (of: readonly Pod[]) =>
    of
      .flatMap(({ spec }) => spec.containers)
      .reduce((sum, { resources }) => sum + mebibytesOf(resources.requests?.memory ?? ""), 0);
  const apps = pods.filter((pod) => !isStore(pod));
  const requested = requestedOf(apps);
  expect(requested).toBeGreaterThan(0);
  expect(requested).toBeLessThanOrEqual(1024);

  const used = await until("every pod is measured", usedByContainer, (found) =>
    pods.every(({ metadata, spec }) => found.has(`${metadata.name} ${spec.containers[0]?.name}`)),
  );
  const usedOf = (of: readonly Pod[], container?: string) =>
    of.reduce(
      (sum, { metadata, spec }) =>
        sum + (used.get(`${metadata.name} ${container ?? spec.containers[0]?.name}`) ?? 0),
      0,
    );
  say(`${apps.length} pods of services and partners request ${requested} MiB, and use ${usedOf(apps)} MiB`);
  const others = pods.filter(isStore);
  say(`${others.length} stores request ${requestedOf(others)} MiB, and use ${usedOf(others)} MiB`);
  say(`${pods.length} sidecars use ${usedOf(pods, "istio-proxy")} MiB`);
  for (const { metadata, spec } of pods) {
    const own = used.get(`${metadata.name} ${spec.containers[0]?.name}`);
    say(`  ${metadata.name}: ${own} MiB, its sidecar ${used.get(`${metadata.name} istio-proxy`)} MiB`);
  }
}, 300_000);

/** In MiB, by pod and container. */
async function usedByContainer(): Promise<ReadonlyMap<string, number>> {
  const printed = await kubectl(
    ...["top", "pods", "--containers", "--no-headers", "--namespace", main.namespace],
  );
  return new Map(
    printed
      .trim()
      .split("\n")
      .map((line) => {
        const [pod = "", container = "", , memory = ""] = line.split(/\s+/);
        return [`${pod} ${container}`, mebibytesOf(memory)];
      }),
  );
}
