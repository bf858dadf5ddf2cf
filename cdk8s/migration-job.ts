// Brings a service's tables up to date before its new replicas start. At the first installation there is no database
// yet that a hook could wait for: then the first replica does it. The lock that both take makes it one of them.

import type { ServiceDefinition } from "@webstore/kit";
import { k8s } from "cdk8s-plus-34";
import { userId } from "./deployment.ts";
import { secretsOf } from "./environment.ts";
import { globals } from "./global-values.ts";
import { labelsOf, metadataOf, nameOf } from "./naming.ts";
import { patched } from "./patched.ts";
import {
  containerSecurity,
  imageOf,
  meshAnnotations,
  meshLabels,
  podSecurity,
  pullSecrets,
  temporary,
  temporaryMount,
  tokenless,
} from "./pod.ts";
import type { ServiceValues } from "./service-values.ts";

export function migrationJob(definition: ServiceDefinition, values: ServiceValues): unknown {
  const { name } = definition;
  const member = `${name}-migration`;
  const manifest = k8s.KubeJob.manifest({
    metadata: {
      ...metadataOf(member),
      annotations: {
        "helm.sh/hook": "pre-upgrade",
        "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded",
      },
    },
    spec: {
      backoffLimit: 3,
      activeDeadlineSeconds: 600,
      template: {
        metadata: { labels: { ...labelsOf(member), ...meshLabels }, annotations: meshAnnotations },
        spec: {
          ...tokenless,
          // The account that its database's policy knows.
          serviceAccountName: nameOf(name),
          restartPolicy: "Never",
          securityContext: podSecurity(userId),
          containers: [
            {
              name: "migration",
              image: imageOf(values.image),
              imagePullPolicy: globals.image.pullPolicy,
              command: ["node", `services/${name}/main.ts`, "migrate"],
              envFrom: [{ configMapRef: { name: nameOf(name) } }],
              env: secretsOf(definition),
              resources: {
                requests: { cpu: k8s.Quantity.fromString("20m"), memory: k8s.Quantity.fromString("64Mi") },
                limits: { memory: k8s.Quantity.fromString("256Mi") },
              },
              securityContext: containerSecurity,
              volumeMounts: [temporaryMount],
            },
          ],
          volumes: [temporary],
        },
      },
    },
  });
  return patched(manifest, { spec: { template: { spec: { imagePullSecrets: pullSecrets } } } });
}
