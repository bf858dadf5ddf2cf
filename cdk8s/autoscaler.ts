// How many replicas a service has: by its CPU, between the bounds of its definition.

import { k8s } from "cdk8s-plus-34";
import { metadataOf, nameOf } from "./naming.ts";
import type { ServiceValues } from "./service-values.ts";

export function autoscaler(name: string, { replicas, autoscaling }: ServiceValues): unknown {
  return k8s.KubeHorizontalPodAutoscalerV2.manifest({
    metadata: metadataOf(name),
    spec: {
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: nameOf(name) },
      minReplicas: replicas.min,
      maxReplicas: replicas.max,
      metrics: [
        {
          type: "ContainerResource",
          containerResource: {
            name: "cpu",
            container: name,
            target: { type: "Utilization", averageUtilization: autoscaling.cpuPercent },
          },
        },
      ],
      behavior: {
        scaleUp: { stabilizationWindowSeconds: 0 },
        scaleDown: { stabilizationWindowSeconds: 300 },
      },
    },
  });
}
