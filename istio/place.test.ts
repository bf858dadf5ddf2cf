import { expect, test } from "vitest";
import { authorizationPolicy, denyByDefault } from "./authorization-policy.ts";
import { destinationRule } from "./destination-rule.ts";
import { gateway, ingressRoutes } from "./ingress.ts";
import { keysService } from "./keys-service.ts";
import { peerAuthentication, strictPeers } from "./peer-authentication.ts";
import { requestAuthentication } from "./request-authentication.ts";
import { rolePolicy } from "./role-policy.ts";
import { sidecar } from "./sidecar.ts";
import { place, serviceNamed, services } from "./testing.ts";
import { virtualService } from "./virtual-service.ts";

const store = serviceNamed("gateway");

function everything(release: string) {
  const there = { ...place, nameOf: (name: string) => `${release}-${name}`, labels: { instance: release } };
  const here = { ...there, labelsOf: (name: string) => ({ instance: release, name }) };
  const nothing = { inRelease: [], outside: [] };
  return [
    denyByDefault(here),
    strictPeers("redis", here),
    gateway(here),
    ingressRoutes(store, [], here),
    requestAuthentication("gateway", here),
    rolePolicy(store, [store.serves], here),
    ...services.flatMap((service) => [
      authorizationPolicy(service, services, here),
      destinationRule(service, services, here),
      virtualService(service, services, here),
      peerAuthentication(service, here),
      sidecar(service, services, nothing, here),
      keysService(service, here),
    ]),
  ].flatMap((manifest) => manifest ?? []);
}

test("no two objects of a kind have one name", () => {
  const names = everything("a").map(({ kind, metadata }) => `${kind}/${metadata.name}`);
  expect(new Set(names).size).toBe(names.length);
});

test("two releases in one namespace share no name and no selector", () => {
  const one = everything("a");
  const other = everything("b");
  const names = (all: typeof one) => all.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
  expect(names(one).filter((name) => names(other).includes(name))).toEqual([]);
  for (const manifest of one) {
    const text = JSON.stringify(manifest.spec);
    const selects = /"(selector|workloadSelector|host|hosts)":/.test(text);
    expect(selects, manifest.metadata.name).toBe(true);
    expect(text, manifest.metadata.name).not.toContain('"b-');
  }
});

test("every policy of access selects pods: one without would be about the whole namespace", () => {
  for (const { kind, metadata, spec } of everything("a")) {
    if (!/^(AuthorizationPolicy|PeerAuthentication|RequestAuthentication)$/.test(kind)) continue;
    const { selector } = spec as { selector?: { matchLabels?: Record<string, string> } };
    expect(selector?.matchLabels, `${kind} ${metadata.name}`).toMatchObject({ instance: "a" });
  }
});
