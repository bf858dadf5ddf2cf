// How many replicas may be taken away at a time when a node is emptied.

import { k8s } from "cdk8s-plus-34";
import { metadataOf, selectorOf } from "./naming.ts";

export function disruptionBudget(member: string): unknown {
  return k8s.KubePodDisruptionBudget.manifest({
    metadata: metadataOf(member),
    spec: {
      maxUnavailable: k8s.IntOrString.fromNumber(1),
      selector: { matchLabels: selectorOf(member) },
      unhealthyPodEvictionPolicy: "AlwaysAllow",
    },
  });
}
