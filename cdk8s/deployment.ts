// The workload of a service. A rollout loses no request: a new replica serves before an old one stops, and an old one
// goes on until those who knew it have heard that it goes.

import type { ServiceDefinition } from "@webstore/kit";
import { k8s } from "cdk8s-plus-34";
import { secretsOf } from "./environment.ts";
import { globals } from "./global-values.ts";
import { labelsOf, metadataOf, nameOf, selectorOf } from "./naming.ts";
import { patched } from "./patched.ts";
import {
  imageOf,
  meshAnnotations,
  meshLabels,
  podSecurity,
  programOf,
  pullSecrets,
  serviceSecurity,
  temporary,
  temporaryMount,
  tokenless,
} from "./pod.ts";
import type { ServiceValues } from "./service-values.ts";
import { expression, goOf } from "./values.ts";

/** The user `node` of the image. */
export const userId = 1000;

/** How long a replica serves on after it was told to stop: until proxies and kube-proxy know. */
const leaveSeconds = 5;

export function deployment(definition: ServiceDefinition, values: ServiceValues): unknown {
  const { name } = definition;
  const { autoscaling, replicas } = values;
  const manifest = k8s.KubeDeployment.manifest({
    metadata: metadataOf(name),
    spec: {
      // Left to the autoscaler where there is one: a number here would undo its work at every upgrade.
      replicas: expression<number>(
        "scalar",
        `ternary "null" ${goOf(replicas.min)} ${goOf(autoscaling.enabled)}`,
      ),
      revisionHistoryLimit: 3,
      selector: { matchLabels: selectorOf(name) },
      strategy: {
        type: "RollingUpdate",
        rollingUpdate: {
          maxUnavailable: k8s.IntOrString.fromNumber(0),
          maxSurge: k8s.IntOrString.fromNumber(1),
        },
      },
      template: {
        metadata: {
          labels: { ...labelsOf(name), ...meshLabels },
          annotations: {
            ...meshAnnotations,
            "kubectl.kubernetes.io/default-container": name,
            // A changed configuration is a new pod.
            "checksum/config": expression(
              "text",
              '(include (print $.Template.BasePath "/config-map.yaml") . | sha256sum)',
            ),
          },
        },
        spec: podOf(definition, values),
      },
    },
  });
  const pod = {
    imagePullSecrets: pullSecrets,
    nodeSelector: values.nodeSelector,
    tolerations: values.tolerations,
    containers: [{ command: programOf(name) }],
  };
  return patched(manifest, { spec: { template: { spec: pod } } });
}

function podOf(definition: ServiceDefinition, values: ServiceValues): k8s.PodSpec {
  const { name } = definition;
  return {
    ...tokenless,
    serviceAccountName: nameOf(name),
    securityContext: podSecurity(userId),
    terminationGracePeriodSeconds: values.terminationGraceSeconds,
    topologySpreadConstraints: ["kubernetes.io/hostname", "topology.kubernetes.io/zone"].map(
      (topologyKey) => ({
        maxSkew: 1,
        topologyKey,
        whenUnsatisfiable: "ScheduleAnyway",
        labelSelector: { matchLabels: selectorOf(name) },
      }),
    ),
    containers: [containerOf(definition, values)],
    volumes: [temporary],
  };
}

function containerOf(definition: ServiceDefinition, values: ServiceValues): k8s.Container {
  const { name, ports } = definition;
  const probe = { periodSeconds: 5, timeoutSeconds: 3 };
  return {
    name,
    image: imageOf(values.image),
    imagePullPolicy: globals.image.pullPolicy,
    ports: [
      { name: "grpc", containerPort: ports.rpc },
      { name: "admin", containerPort: ports.admin },
      ...(ports.http === undefined ? [] : [{ name: "http", containerPort: ports.http }]),
    ],
    envFrom: [
      { configMapRef: { name: nameOf(name) } },
      { configMapRef: { name: `${nameOf(name)}-overrides` } },
    ],
    env: secretsOf(definition),
    resources: {
      requests: {
        cpu: k8s.Quantity.fromString(values.resources.requests.cpu),
        memory: k8s.Quantity.fromString(values.resources.requests.memory),
      },
      limits: { memory: k8s.Quantity.fromString(values.resources.limits.memory) },
    },
    securityContext: serviceSecurity,
    startupProbe: { grpc: { port: ports.rpc }, periodSeconds: 2, timeoutSeconds: 3, failureThreshold: 60 },
    readinessProbe: {
      ...probe,
      httpGet: { path: "/readyz", port: k8s.IntOrString.fromNumber(ports.admin) },
      failureThreshold: 2,
    },
    livenessProbe: { ...probe, grpc: { port: ports.rpc }, failureThreshold: 6 },
    lifecycle: { preStop: { sleep: { seconds: leaveSeconds } } },
    volumeMounts: [temporaryMount],
  };
}
