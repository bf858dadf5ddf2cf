// As whom a service calls: the identity that its certificate in the mesh carries. It has no rights at the API.

import { k8s } from "cdk8s-plus-34";
import { metadataOf } from "./naming.ts";

export function serviceAccount(member: string): unknown {
  return k8s.KubeServiceAccount.manifest({
    metadata: metadataOf(member),
    automountServiceAccountToken: false,
  });
}
