// One replica with a disk: how the demo's data stores and the partners' simulators run.

import { k8s } from "cdk8s-plus-34";
import { globals } from "./global-values.ts";
import { labelsOf, metadataOf, nameOf, selectorOf } from "./naming.ts";
import { patched } from "./patched.ts";
import {
  containerSecurity,
  meshAnnotations,
  meshLabels,
  podSecurity,
  pullSecrets,
  temporary,
  temporaryMount,
  tokenless,
} from "./pod.ts";
import { type Declaration, expression, goOf, type PlaceholdersOf, quantity, text } from "./values.ts";

export function statefulDeclaration(is: {
  image: { repository: string; tag: string };
  cpu: string;
  memory: { requested: string; limit: string };
  storage: string;
}) {
  return {
    image: {
      repository: text(is.image.repository, "The image, without its tag.", { minLength: 1 }),
      tag: text(is.image.tag, "The image's tag.", {
        pattern: "^[\\w][\\w.-]{0,127}(@sha256:[0-9a-f]{64})?$",
      }),
    },
    resources: {
      requests: {
        cpu: quantity(is.cpu, "CPU that it requests."),
        memory: quantity(is.memory.requested, "Memory that it requests."),
      },
      limits: { memory: quantity(is.memory.limit, "Memory above which it is ended.") },
    },
    storage: {
      size: quantity(is.storage, "Size of its disk, which goes with the release."),
      className: text("", "The disk's storage class. Empty: the cluster's default."),
    },
  } satisfies Declaration;
}

export type StatefulValues = PlaceholdersOf<ReturnType<typeof statefulDeclaration>>;

export type StatefulPart = {
  readonly name: string;
  readonly userId: number;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  /** Without it, the strictest there is. */
  readonly security?: k8s.SecurityContext;
  readonly env: readonly k8s.EnvVar[];
  readonly ports: readonly { readonly name: string; readonly port: number; readonly appProtocol: string }[];
  /** Where its disk is. */
  readonly dataPath: string;
  /** Folders beside it that it writes to; they go with the pod. */
  readonly scratchPaths?: readonly string[];
  /** Where the files of the ConfigMap of its name are, if it has one. */
  readonly filesPath?: string;
  readonly probe: k8s.Probe;
  readonly stopSeconds: number;
};

export function statefulSet(part: StatefulPart, values: StatefulValues): unknown {
  const { name } = part;
  const manifest = k8s.KubeStatefulSet.manifest({
    metadata: metadataOf(name),
    spec: {
      replicas: 1,
      serviceName: nameOf(name),
      selector: { matchLabels: selectorOf(name) },
      persistentVolumeClaimRetentionPolicy: { whenDeleted: "Delete", whenScaled: "Retain" },
      template: {
        metadata: { labels: { ...labelsOf(name), ...meshLabels }, annotations: meshAnnotations },
        spec: {
          ...tokenless,
          serviceAccountName: nameOf(name),
          securityContext: podSecurity(part.userId),
          terminationGracePeriodSeconds: part.stopSeconds,
          containers: [containerOf(part, values)],
          volumes: [temporary, ...besideOf(part).map(({ volume }) => volume)],
        },
      },
      volumeClaimTemplates: [
        {
          metadata: { name: "data", labels: selectorOf(name) },
          spec: {
            accessModes: ["ReadWriteOnce"],
            // An empty name would mean "no class"; null means the default.
            storageClassName: className(values),
            resources: { requests: { storage: k8s.Quantity.fromString(values.storage.size) } },
          },
        },
      ],
    },
  });
  const containers = [part.command === undefined ? {} : { command: part.command }];
  return patched(manifest, { spec: { template: { spec: { imagePullSecrets: pullSecrets, containers } } } });
}

const className = ({ storage }: StatefulValues): string =>
  expression("scalar", `default "null" ${goOf(storage.className)}`);

function containerOf(part: StatefulPart, { resources }: StatefulValues): k8s.Container {
  return {
    name: part.name,
    image: part.image,
    imagePullPolicy: globals.image.pullPolicy,
    ...(part.args === undefined ? {} : { args: [...part.args] }),
    env: [...part.env],
    ports: part.ports.map(({ name, port }) => ({ name, containerPort: port })),
    resources: {
      requests: {
        cpu: k8s.Quantity.fromString(resources.requests.cpu),
        memory: k8s.Quantity.fromString(resources.requests.memory),
      },
      limits: { memory: k8s.Quantity.fromString(resources.limits.memory) },
    },
    securityContext: part.security ?? containerSecurity,
    startupProbe: { ...part.probe, periodSeconds: 2, timeoutSeconds: 5, failureThreshold: 90 },
    readinessProbe: { ...part.probe, periodSeconds: 5, timeoutSeconds: 5, failureThreshold: 3 },
    livenessProbe: { ...part.probe, periodSeconds: 10, timeoutSeconds: 10, failureThreshold: 6 },
    volumeMounts: [
      { name: "data", mountPath: part.dataPath },
      temporaryMount,
      ...besideOf(part).map(({ mount }) => mount),
    ],
  };
}

function besideOf({
  name,
  scratchPaths = [],
  filesPath,
}: StatefulPart): { volume: k8s.Volume; mount: k8s.VolumeMount }[] {
  const scratch = scratchPaths.map((mountPath, index) => ({
    volume: { name: `scratch-${index}`, emptyDir: { sizeLimit: k8s.Quantity.fromString("64Mi") } },
    mount: { name: `scratch-${index}`, mountPath },
  }));
  if (filesPath === undefined) return scratch;
  const files = {
    volume: { name: "files", configMap: { name: nameOf(name) } },
    mount: { name: "files", mountPath: filesPath, readOnly: true },
  };
  return [...scratch, files];
}

export function statefulService({ name, ports }: StatefulPart): unknown {
  return k8s.KubeService.manifest({
    metadata: metadataOf(name),
    spec: {
      type: "ClusterIP",
      selector: selectorOf(name),
      ports: ports.map(({ name: portName, port, appProtocol }) => ({
        name: portName,
        port,
        targetPort: k8s.IntOrString.fromString(portName),
        appProtocol,
      })),
    },
  });
}
