// A service's variables: those that follow from its definition, and those of an operator, which go before them.

import type { ServiceDefinition } from "@webstore/kit";
import { k8s } from "cdk8s-plus-34";
import { configOf } from "./environment.ts";
import { metadataOf } from "./naming.ts";
import { patched } from "./patched.ts";
import type { ServiceValues } from "./service-values.ts";
import type { Definitions } from "./system.ts";

export function configMaps(
  definition: ServiceDefinition,
  values: ServiceValues,
  system: Definitions,
): unknown[] {
  return [
    k8s.KubeConfigMap.manifest({
      metadata: metadataOf(definition.name),
      data: configOf(definition, system),
    }),
    patched(k8s.KubeConfigMap.manifest({ metadata: metadataOf(definition.name, "-overrides") }), {
      data: values.config,
    }),
  ];
}
