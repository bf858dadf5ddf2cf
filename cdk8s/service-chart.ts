// The chart of one service: its objects, each made by the file of its kind, and the mesh's rules for it.

import type { ServiceDefinition } from "@webstore/kit";
import { autoscaler } from "./autoscaler.ts";
import type { Chart, Template } from "./chart.ts";
import { configMaps } from "./config-map.ts";
import { deployment } from "./deployment.ts";
import { disruptionBudget } from "./disruption-budget.ts";
import { keepsIn, storeKindsOf } from "./environment.ts";
import { globals } from "./global-values.ts";
import { serviceMesh } from "./mesh.ts";
import { migrationJob } from "./migration-job.ts";
import { networkPolicy } from "./network-policy.ts";
import { service } from "./service.ts";
import { serviceAccount } from "./service-account.ts";
import { serviceMonitor } from "./service-monitor.ts";
import { type ServiceValues, serviceDeclaration, serviceValuesOf } from "./service-values.ts";
import type { Definitions } from "./system.ts";

export function serviceChart(definition: ServiceDefinition, system: Definitions): Chart {
  const { name, serves } = definition;
  const values = serviceValuesOf(definition);
  const one = (object: unknown, when?: boolean): Template =>
    when === undefined ? { objects: [object] } : { objects: [object], when };
  return {
    name,
    description: `WebStore's ${name} service (${serves.fullName})`,
    values: serviceDeclaration(definition),
    templates: {
      "config-map": { objects: configMaps(definition, values, system) },
      deployment: one(deployment(definition, values)),
      "disruption-budget": one(disruptionBudget(name)),
      "horizontal-pod-autoscaler": one(autoscaler(name, values), values.autoscaling.enabled),
      istio: { objects: serviceMesh(definition, system), when: globals.istio.enabled },
      ...(storeKindsOf(definition).includes("postgres")
        ? { "migration-job": migrationOf(definition, values) }
        : {}),
      "network-policy": one(networkPolicy(definition, system)),
      service: one(service(definition)),
      "service-account": one(serviceAccount(name)),
      "service-monitor": one(serviceMonitor(definition), globals.monitoring.enabled),
    },
    notes: `${name} serves ${serves.fullName} at {{ .Release.Name }}-${name}.{{ .Release.Namespace }}:${definition.ports.rpc}.`,
    readme: readmeOf(definition),
  };
}

/** Only tables have to be brought up to date before anybody starts. */
function migrationOf(definition: ServiceDefinition, values: ServiceValues): Template {
  const isOnPostgres = keepsIn(definition, "postgres");
  const objects = [migrationJob(definition, values)];
  return isOnPostgres === true ? { objects } : { objects, when: isOnPostgres };
}

function readmeOf({ name, calls, partners, publishes, consumes, secrets, ports }: ServiceDefinition): string {
  const called = Object.values(calls).map(
    ({ service: callee, methods }) => `${callee} (${methods.join(", ")})`,
  );
  const lines = [
    `Made from \`services/${name}/definition.ts\` by \`npm run generate\`; a test compares.`,
    "",
    `- listens on ${Object.entries(ports)
      .map(([what, port]) => `${port} (${what})`)
      .join(", ")}`,
    `- calls ${called.join("; ") || "nobody"}`,
    `- partners: ${
      Object.values(partners)
        .map(({ partner }) => partner)
        .join(", ") || "none"
    }`,
    `- publishes ${publishes.join(", ") || "nothing"}; consumes ${consumes.map(({ topic }) => topic).join(", ") || "nothing"}`,
    `- secrets, by reference: ${["INTERNAL_API_KEY", ...secrets].join(", ")}`,
  ];
  return lines.join("\n");
}
