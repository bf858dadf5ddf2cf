import { OpsServiceDefinition } from "@webstore/proto/ops/v1";
import { expect, test } from "vitest";
import { gateway, ingressRoutes } from "./ingress.ts";
import { namespace, place, release, serviceNamed } from "./testing.ts";

const store = serviceNamed("gateway");
const [grpc, http] = ingressRoutes(store, [OpsServiceDefinition], place).spec.http;

test("HTTP is on 80, and HTTPS on 443 where there is a certificate", () => {
  const plain = { port: { number: 80, name: "http", protocol: "HTTP" }, hosts: ["{{ .Values.host }}"] };
  expect(gateway(place).spec).toEqual({ selector: { istio: "ingressgateway" }, servers: [plain] });
  const secured = gateway({ ...place, ingress: { ...place.ingress, credentialName: "shop-tls" } });
  expect(secured.spec.servers).toEqual([
    plain,
    {
      port: { number: 443, name: "https", protocol: "HTTPS" },
      hosts: ["{{ .Values.host }}"],
      tls: { mode: "SIMPLE", credentialName: "shop-tls" },
    },
  ]);
});

test("the routes belong to the release's own gateway and host", () => {
  const { metadata, spec } = ingressRoutes(store, [], place);
  expect(metadata.name).toBe(`${release}-ingress`);
  expect(spec.gateways).toEqual([gateway(place).metadata.name]);
  expect(spec.hosts).toEqual(["{{ .Values.host }}"]);
});

test("gRPC of the storefront, reflection and health go to the RPC port", () => {
  expect(grpc?.route[0]?.destination).toEqual({
    host: `${release}-gateway.${namespace}.svc.cluster.local`,
    port: { number: 9080 },
  });
  expect(grpc?.match?.map(({ uri }) => uri)).toEqual([
    { prefix: "/webstore.storefront.v1.StorefrontService/" },
    { prefix: "/grpc.reflection." },
    { prefix: "/grpc.health.v1.Health/" },
  ]);
});

test.each([
  ["application/grpc", true],
  ["application/grpc+proto", true],
  ["application/grpc;charset=utf-8", true],
  ["application/grpc-web", false],
  ["application/grpc-web+proto", false],
  ["application/proto", false],
  ["application/json", false],
])("%s is gRPC: %s", (contentType, isGrpc) => {
  for (const { headers } of grpc?.match ?? []) {
    const matched = headers?.["content-type"];
    // As Envoy does, the whole value.
    const whole = new RegExp(`^(?:${matched !== undefined && "regex" in matched ? matched.regex : ""})$`);
    expect(whole.test(contentType)).toBe(isGrpc);
  }
});

test("everything else goes to the HTTP port", () => {
  expect(http?.match).toBeUndefined();
  expect(http?.route[0]?.destination.port).toEqual({ number: 8000 });
});

test("nothing is repeated, and the gateway's own longest deadline is a second shorter", () => {
  expect([grpc?.retries, http?.retries]).toEqual([{ attempts: 0 }, { attempts: 0 }]);
  expect(grpc?.timeout).toBe("17s");
  expect(http?.timeout).toBe("32s");
});

test("a service without an HTTP port cannot be shown to the world", () => {
  expect(() => ingressRoutes(serviceNamed("cart"), [], place)).toThrow("cart has no HTTP port");
});
