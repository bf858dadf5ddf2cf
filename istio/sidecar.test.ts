import { expect, test } from "vitest";
import { sidecar, storeSidecar } from "./sidecar.ts";
import { namespace, place, release, serviceNamed, services } from "./testing.ts";

const nothing = { inRelease: [], outside: [] };
const host = (name: string) => `${namespace}/${release}-${name}.${namespace}.svc.cluster.local`;

test("orders sees its callees, its store, its partner outside, the keys and the mesh", () => {
  const reach = { inRelease: ["postgres", "inventory"], outside: ["{{ .Values.partners.crm.host }}"] };
  const { metadata, spec } = sidecar(serviceNamed("orders"), services, reach, place);
  expect(metadata.name).toBe(`${release}-orders`);
  expect(spec).toEqual({
    workloadSelector: { labels: place.labelsOf("orders") },
    egress: [
      {
        hosts: [
          ...["cart", "catalog", "identity", "inventory", "payments", "postgres"].map(host),
          `${namespace}/{{ .Values.partners.crm.host }}`,
          "istio-system/*",
        ],
      },
    ],
    outboundTrafficPolicy: { mode: "REGISTRY_ONLY" },
  });
});

test("nobody sees a service that it does not call, but for the keys", () => {
  for (const service of services) {
    const [egress] = sidecar(service, services, nothing, place).spec.egress;
    const callees = Object.values(service.calls).map((call) => call.service);
    const keys = service.name === "gateway" ? ["identity", "identity-keys"] : ["identity"];
    const expected = [...new Set([...callees, ...keys])].filter((name) => name !== service.name).sort();
    expect(egress?.hosts).toEqual([...expected.map(host), "istio-system/*"]);
  }
});

test("the collector's namespace is seen where there is one", () => {
  const telemetry = {
    namespace: "observability",
    tracingProvider: "t",
    accessLogProvider: "a",
    samplingPercentage: 1,
  };
  const [egress] = sidecar(serviceNamed("cart"), services, nothing, { ...place, telemetry }).spec.egress;
  expect(egress?.hosts.at(-1)).toBe("observability/*");
});

test("a store sees whom it is told to see", () => {
  const { spec } = storeSidecar("payment-provider", { inRelease: ["gateway"], outside: [] }, place);
  expect(spec.workloadSelector.labels).toEqual(place.labelsOf("payment-provider"));
  expect(spec.egress).toEqual([{ hosts: [host("gateway"), "istio-system/*"] }]);
});
