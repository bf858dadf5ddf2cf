// The main release, put to rest while a journey needs the machine for a store of its own: two stores at once, with their
// proxies and brokers, leave a small machine no room to be measured on. What it keeps stays on its volumes.

import { kubectl, kubectlJson, main, say } from "./cluster.ts";

type Workload = {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: { readonly replicas: number };
};

const where = ["--namespace", main.namespace];
const wokenWithin = "300s";

/** Resolves when its pods are told to go; what it gives brings them back, and resolves when all are ready. */
export async function restMain(): Promise<() => Promise<void>> {
  const { items } = await kubectlJson<{ items: Workload[] }>(
    ...[
      "get",
      "deployment,statefulset",
      ...where,
      "--selector",
      `app.kubernetes.io/instance=${main.release}`,
    ],
  );
  const awake = items.filter(({ spec }) => spec.replicas > 0);
  const scale = (each: Workload, replicas: number) =>
    kubectl("scale", nameOf(each), ...where, `--replicas=${replicas}`);
  for (const each of awake) await scale(each, 0);
  return async () => {
    for (const each of awake) await scale(each, each.spec.replicas);
    for (const each of awake)
      await kubectl("rollout", "status", nameOf(each), ...where, `--timeout=${wokenWithin}`);
    say("the main release is back");
  };
}

const nameOf = ({ kind, metadata }: Workload) => `${kind.toLowerCase()}/${metadata.name}`;
