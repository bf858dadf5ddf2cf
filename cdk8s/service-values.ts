// The values of one service's chart: those of its definition, and what an operator may want to change.

import type { ServiceDefinition } from "@webstore/kit";
import { storeKindsOf } from "./environment.ts";
import { globalDeclaration } from "./global-values.ts";
import { version } from "./naming.ts";
import { flag, list, type PlaceholdersOf, placeholdersOf, quantity, text, texts, whole } from "./values.ts";

export function serviceDeclaration(definition: Pick<ServiceDefinition, "name" | "runs" | "stores">) {
  const { name, runs } = definition;
  const kinds = storeKindsOf(definition);
  const [first = "postgres"] = kinds;
  return {
    ...(kinds.length < 2
      ? {}
      : { store: text(first, "Where it keeps its data. Another one begins empty.", { enum: kinds }) }),
    image: {
      repository: text(`webstore-${name}`, "The image, without registry and tag.", { minLength: 1 }),
      tag: text(version, "The image's tag.", { pattern: "^[\\w][\\w.-]{0,127}(@sha256:[0-9a-f]{64})?$" }),
    },
    replicas: {
      min: whole(runs.replicas.min, "Least replicas.", { minimum: 1, maximum: 1000 }),
      max: whole(runs.replicas.max, "Most replicas.", { minimum: 1, maximum: 1000 }),
    },
    autoscaling: {
      enabled: flag(true, "Whether replicas follow the CPU. Without, there are `replicas.min`."),
      cpuPercent: whole(70, "Use of the requested CPU above which replicas are added.", {
        minimum: 1,
        maximum: 1000,
      }),
    },
    resources: {
      requests: {
        cpu: quantity(`${runs.cpuMillis}m`, "CPU that each replica requests."),
        memory: quantity(`${runs.memoryMiB}Mi`, "Memory that each replica requests."),
      },
      limits: { memory: quantity(`${runs.memoryMiB * 2}Mi`, "Memory above which a replica is ended.") },
    },
    config: texts({}, "Environment variables, which go before those that the chart sets.", {
      names: "^[A-Z][A-Z0-9_]*$",
    }),
    podAnnotations: texts({}, "More annotations of the pods."),
    nodeSelector: texts({}, "Labels of the nodes that pods run on."),
    tolerations: list([], "Tolerations of the pods."),
    terminationGraceSeconds: whole(30, "How long a replica may take to stop.", { minimum: 15, maximum: 600 }),
    ...globalDeclaration,
  };
}

export type ServiceValues = PlaceholdersOf<ReturnType<typeof serviceDeclaration>>;

export const serviceValuesOf = (definition: ServiceDefinition): ServiceValues =>
  placeholdersOf(serviceDeclaration(definition));
