// The chart of a partner's simulator: the demo's stand-in for another company, with a disk of its own.

import type { PartnerDefinition } from "@webstore/kit";
import { k8s } from "cdk8s-plus-34";
import type { Chart } from "./chart.ts";
import { userId } from "./deployment.ts";
import { hostOf } from "./environment.ts";
import { globalDeclaration, globals } from "./global-values.ts";
import { partnerMesh } from "./mesh.ts";
import { secretName, version } from "./naming.ts";
import { partnerPolicy } from "./network-policy.ts";
import { imageOf, programOf, serviceSecurity } from "./pod.ts";
import { serviceAccount } from "./service-account.ts";
import { type StatefulPart, statefulDeclaration, statefulService, statefulSet } from "./stateful-set.ts";
import type { Definitions } from "./system.ts";
import { flag, type PlaceholdersOf, placeholdersOf, text } from "./values.ts";

const declarationOf = ({ name }: PartnerDefinition) => ({
  enabled: flag(true, "Whether the umbrella installs it."),
  failures: text("none", "Whether it fails at the rates of its table, by the customer's country.", {
    enum: ["none", "table"],
  }),
  ...statefulDeclaration({
    image: { repository: `webstore-${name}`, tag: version },
    cpu: "10m",
    memory: { requested: "64Mi", limit: "192Mi" },
    storage: "256Mi",
  }),
  ...globalDeclaration,
});

export function partnerChart(partner: PartnerDefinition, system: Definitions): Chart {
  const { name } = partner;
  const declaration = declarationOf(partner);
  const values = placeholdersOf(declaration);
  const part = partOf(partner, system, values);
  return {
    name,
    description: `A simulator of the partner ${name}, for demos and tests`,
    values: declaration,
    templates: {
      istio: { objects: partnerMesh(partner, system), when: globals.istio.enabled },
      "network-policy": { objects: [partnerPolicy(partner, system)] },
      service: { objects: [statefulService(part)] },
      "service-account": { objects: [serviceAccount(name)] },
      "stateful-set": { objects: [statefulSet(part, values)] },
    },
    notes: `The simulator ${name} is at http://{{ .Release.Name }}-${name}.{{ .Release.Namespace }}:${partner.port}.`,
    readme: "It keeps its state when the store is killed, as another company would.",
  };
}

function partOf(
  { name, port }: PartnerDefinition,
  system: Definitions,
  values: PlaceholdersOf<ReturnType<typeof declarationOf>>,
): StatefulPart {
  return {
    name,
    userId,
    image: imageOf(values.image),
    command: programOf(name, ["services/simulator"]),
    security: serviceSecurity,
    env: [
      { name: "APP_HOST", value: "0.0.0.0" },
      { name: `${name.toUpperCase().replaceAll("-", "_")}_PORT`, value: String(port) },
      { name: "DATA_DIR", value: "/data" },
      { name: "FAILURES", value: values.failures },
      ...(name === "payment-provider" ? webhookOf(system) : []),
    ],
    ports: [{ name: "http", port, appProtocol: "http" }],
    dataPath: "/data",
    probe: { tcpSocket: { port: k8s.IntOrString.fromString("http") } },
    stopSeconds: 10,
  };
}

/** The provider tells the store what happened there, and signs it. */
function webhookOf({ services }: Definitions): k8s.EnvVar[] {
  const edge = services.find(({ ports }) => ports.http !== undefined);
  const from = (key: string) => ({ secretKeyRef: { name: secretName, key } });
  return [
    { name: "PAYMENT_PROVIDER_API_KEY", valueFrom: from("STRIPE_API_KEY") },
    { name: "PAYMENT_PROVIDER_WEBHOOK_SECRET", valueFrom: from("STRIPE_WEBHOOK_SECRET") },
    {
      name: "PAYMENT_PROVIDER_WEBHOOK_URL",
      value: `http://${hostOf(edge?.name ?? "")}:${edge?.ports.http}/webhooks/stripe`,
    },
  ];
}
