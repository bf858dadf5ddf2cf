// Where Prometheus Operator finds a service's metrics.

import type { ServiceDefinition } from "@webstore/kit";
import { metadataOf, selectorOf } from "./naming.ts";

export function serviceMonitor({ name }: ServiceDefinition): unknown {
  return {
    apiVersion: "monitoring.coreos.com/v1",
    kind: "ServiceMonitor",
    metadata: metadataOf(name),
    spec: {
      selector: { matchLabels: selectorOf(name) },
      endpoints: [{ port: "admin", path: "/metrics", interval: "15s" }],
    },
  };
}
