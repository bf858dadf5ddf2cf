import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";

const read = (file: string) => parse(readFileSync(new URL(`./mesh/${file}`, import.meta.url), "utf8"));
const { meshConfig } = read("istiod-values.yaml");

test("the mesh repeats nothing by itself, and sends nothing to whom nobody named", () => {
  expect(meshConfig.defaultHttpRetryPolicy).toEqual({ attempts: 0 });
  expect(meshConfig.outboundTrafficPolicy).toEqual({ mode: "REGISTRY_ONLY" });
});

test("a proxy keeps the counters that the drift report reads", () => {
  const patterns: string[] = meshConfig.defaultConfig.proxyStatsMatcher.inclusionRegexps;
  const kept = (name: string) => patterns.some((pattern) => new RegExp(`^(?:${pattern})$`).test(name));
  expect(kept("cluster.outbound|5104||a-orders.shop.svc.cluster.local;.upstream_rq_total")).toBe(true);
  expect(kept("cluster.outbound|5432||a-postgres.shop.svc.cluster.local;.upstream_cx_total")).toBe(true);
  expect(kept("cluster.outbound|5432||a-postgres.shop.svc.cluster.local;.membership_total")).toBe(false);
});

test("the whole mesh takes mutual TLS only", () => {
  const { kind, metadata, spec } = read("peer-authentication.yaml");
  expect([kind, metadata.namespace]).toEqual(["PeerAuthentication", "istio-system"]);
  expect(spec).toEqual({ mtls: { mode: "STRICT" } });
});
