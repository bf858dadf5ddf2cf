// What every pod of the store has in common: nobody runs as root, nothing is written to but /tmp, no capability, no token.

import { k8s } from "cdk8s-plus-34";
import { globals } from "./global-values.ts";
import { expression, goOf, not } from "./values.ts";

export const podSecurity = (userId: number): k8s.PodSecurityContext => ({
  runAsNonRoot: true,
  runAsUser: userId,
  runAsGroup: userId,
  fsGroup: userId,
  seccompProfile: { type: "RuntimeDefault" },
});

export const containerSecurity: k8s.SecurityContext = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ["ALL"] },
};

/** In development the changed sources are copied into the running container. */
export const serviceSecurity: k8s.SecurityContext = {
  ...containerSecurity,
  readOnlyRootFilesystem: not(globals.dev),
};

/**
 * How one of our own programs runs. In development it starts again when a source of its own, of the kit or of the contracts has
 * changed: every container is given every change, because each image could have it.
 */
export function programOf(name: string, sources: readonly string[] = []): string[] {
  const watched = [`services/${name}`, "services/kit", ...sources, "proto"].map(
    (path) => `--watch-path=${path}`,
  );
  const main = `services/${name}/main.ts`;
  const list = (...words: string[]) => `(list ${words.map((word) => `"${word}"`).join(" ")})`;
  return expression(
    "scalar",
    `ternary ${list("node", ...watched, "--watch-preserve-output", main)} ${list("node", main)} ${goOf(globals.dev)} | toJson`,
  );
}

export const temporary: k8s.Volume = {
  name: "tmp",
  emptyDir: { sizeLimit: k8s.Quantity.fromString("64Mi") },
};
export const temporaryMount: k8s.VolumeMount = { name: "tmp", mountPath: "/tmp" };

export const imageOf = (image: { repository: string; tag: string }) =>
  `${globals.image.registry}${image.repository}:${image.tag}`;

/** Of the pods that the mesh takes in: sidecars that are small, and that are there before their application. */
export const meshAnnotations = {
  "sidecar.istio.io/proxyCPU": globals.istio.proxy.cpu,
  "sidecar.istio.io/proxyMemory": globals.istio.proxy.memory,
  "proxy.istio.io/config": "holdApplicationUntilProxyStarts: true",
};
export const meshLabels = {
  "sidecar.istio.io/inject": expression("text", `print ${goOf(globals.istio.enabled)}`),
};

/** Of every pod; to be patched into its manifest. */
export const pullSecrets = globals.image.pullSecrets;

/** What a pod runs as in the mesh and before the API: the account of its service. */
export const tokenless = { automountServiceAccountToken: false, enableServiceLinks: false };
