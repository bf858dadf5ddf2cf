// What the tests of this package share: a place with Helm's placeholders in it, the store's services, and one that
// nobody calls.

import { defineService, type ServiceDefinition } from "@webstore/kit";
import { PromotionServiceDefinition } from "@webstore/proto/promotions/v1";
import { system } from "../services/system.ts";
import type { Place } from "./place.ts";

export const release = "{{ .Release.Name }}";
export const namespace = "{{ .Release.Namespace }}";

export const place: Place = {
  namespace,
  nameOf: (service) => `${release}-${service}`,
  labelsOf: (service) => ({ "app.kubernetes.io/instance": release, "app.kubernetes.io/name": service }),
  labels: { "app.kubernetes.io/instance": release },
  trustDomain: "cluster.local",
  clusterDomain: "cluster.local",
  ingress: {
    namespace: "istio-system",
    serviceAccount: "istio-ingressgateway",
    selector: { istio: "ingressgateway" },
  },
  meshNamespace: "istio-system",
  host: "{{ .Values.host }}",
  issuer: "webstore",
  audience: "webstore",
  jwksUri: "http://identity/.well-known/jwks.json",
};

export const services: readonly ServiceDefinition[] = system.flatMap(({ is }) =>
  is.kind === "service" ? [is] : [],
);

export function serviceNamed(name: string): ServiceDefinition {
  const found = services.find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no service ${name}`);
  return found;
}

const promise = { availability: 0.999, latencyP95Ms: 100 };

/** A service that is in nobody's definition. */
export const uncalled: ServiceDefinition = defineService({
  name: "promotions",
  serves: PromotionServiceDefinition,
  ports: { rpc: 5190, admin: 5290 },
  promises: {
    quoteDiscount: promise,
    createCoupon: promise,
    listCampaigns: promise,
    upsertCampaign: promise,
    getLoyaltyAccount: promise,
    redeemPoints: promise,
    assignExperiment: promise,
    recordConversion: promise,
  },
  runs: { replicas: { min: 1, max: 3 }, cpuMillis: 100, memoryMiB: 128 },
});
