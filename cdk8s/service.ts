// Where a service is found: its gRPC port, its admin port and, for who faces the world, HTTP.

import type { ServiceDefinition } from "@webstore/kit";
import { k8s } from "cdk8s-plus-34";
import { metadataOf, selectorOf } from "./naming.ts";

export function service({ name, ports }: ServiceDefinition): unknown {
  return k8s.KubeService.manifest({
    metadata: metadataOf(name),
    spec: {
      type: "ClusterIP",
      selector: selectorOf(name),
      ports: [
        portOf("grpc", ports.rpc, "grpc"),
        portOf("admin", ports.admin, "http"),
        ...(ports.http === undefined ? [] : [portOf("http", ports.http, "http")]),
      ],
    },
  });
}

const portOf = (name: string, port: number, appProtocol: string): k8s.ServicePort => ({
  name,
  port,
  targetPort: k8s.IntOrString.fromString(name),
  appProtocol,
});
