// What happens to a store's pods while it is in use: a service is rolled out anew, or a pod is deleted. Each ends when what was
// taken has been replaced, and is ready.

import { kubectl, kubectlJson, must, until } from "./cluster.ts";
import { load } from "./load-release.ts";

export type Pod = {
  readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string };
  readonly status: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly { readonly restartCount: number }[];
  };
};

const where = ["--namespace", load.namespace];
const replacedWithinMs = 240_000;

export async function podsOf(member?: string): Promise<readonly Pod[]> {
  const name = member === undefined ? "" : `,app.kubernetes.io/name=${member}`;
  const selector = `app.kubernetes.io/instance=${load.release},app.kubernetes.io/part-of=webstore${name}`;
  return (await kubectlJson<{ items: Pod[] }>("get", "pods", ...where, "--selector", selector)).items;
}

const isReady = ({ metadata, status }: Pod) =>
  metadata.deletionTimestamp === undefined &&
  (status.conditions ?? []).some((each) => each.type === "Ready" && each.status === "True");

/** A new pod of each, one by one, and the old ones gone. */
export async function rollOut(service: string): Promise<void> {
  const before = await podsOf(service);
  const workload = `deployment/${load.release}-${service}`;
  await kubectl("rollout", "restart", workload, ...where);
  await watched("rollout", "status", workload);
  await gone(before);
  await replaced(service, before);
}

/** The pod is deleted, and nobody waits for it to go; resolves when another one is in its place. */
export async function deletePod(member: string): Promise<void> {
  const pods = (await podsOf(member)).filter(isReady);
  const [pod] = pods;
  if (pod === undefined) throw new Error(`${member} has no pod that is ready`);
  await kubectl("delete", "pod", pod.metadata.name, ...where, "--wait=false");
  await gone([pod]);
  await replaced(member, [pod]);
}

const gone = (pods: readonly Pod[]) =>
  watched("wait", "--for=delete", ...pods.map(({ metadata }) => `pod/${metadata.name}`));

/** Not polled: kubectl's own work, twice a second, would take from a small machine what the store needs. */
const watched = (...args: string[]) =>
  must("kubectl", [...args, ...where, `--timeout=${replacedWithinMs / 1_000}s`], {
    timeoutMs: replacedWithinMs + 10_000,
  });

async function replaced(member: string, old: readonly Pod[]): Promise<void> {
  const uids = new Set(old.map(({ metadata }) => metadata.uid));
  await until(
    `${member} has new pods`,
    () => podsOf(member),
    (pods) => pods.length > 0 && pods.every((pod) => isReady(pod) && !uids.has(pod.metadata.uid)),
    replacedWithinMs,
    2_000,
  );
}

/** How often containers of these pods ended by themselves. */
export async function restarts(): Promise<number> {
  const counts = (await podsOf()).flatMap(({ status }) => status.containerStatuses ?? []);
  return counts.reduce((sum, { restartCount }) => sum + restartCount, 0);
}
