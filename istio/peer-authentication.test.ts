import { expect, test } from "vitest";
import { peerAuthentication, strictPeers } from "./peer-authentication.ts";
import { place, release, serviceNamed, services } from "./testing.ts";

test("every service but identity takes mutual TLS only", () => {
  for (const service of services.filter(({ name }) => name !== "identity")) {
    const { metadata, spec } = peerAuthentication(service, place);
    expect(metadata.name).toBe(`${release}-${service.name}`);
    expect(spec).toEqual({
      selector: { matchLabels: place.labelsOf(service.name) },
      mtls: { mode: "STRICT" },
    });
  }
});

test("identity takes plain text too, on its admin port alone", () => {
  expect(peerAuthentication(serviceNamed("identity"), place).spec).toEqual({
    selector: { matchLabels: place.labelsOf("identity") },
    mtls: { mode: "STRICT" },
    portLevelMtls: { 5201: { mode: "PERMISSIVE" } },
  });
});

test("so does a store: no plain text at all", () => {
  expect(strictPeers("redis", place).spec).toEqual({
    selector: { matchLabels: place.labelsOf("redis") },
    mtls: { mode: "STRICT" },
  });
});

test("no pod is selected by two of them", () => {
  const selectors = services.map((service) =>
    JSON.stringify(peerAuthentication(service, place).spec.selector),
  );
  expect(new Set(selectors).size).toBe(services.length);
});
