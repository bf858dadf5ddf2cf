import { expect, test } from "vitest";
import { keysService } from "./keys-service.ts";
import { sidecar } from "./sidecar.ts";
import { place, release, serviceNamed, services } from "./testing.ts";

const nothing = { inRelease: [], outside: [] };

test("identity brings a headless Service of all pods, and nobody else does", () => {
  const made = services.flatMap((service) => keysService(service, place) ?? []);
  expect(made.map(({ metadata, spec }) => ({ name: metadata.name, spec }))).toEqual([
    {
      name: `${release}-identity-keys`,
      spec: {
        clusterIP: "None",
        selector: place.labels,
        ports: [{ name: "admin", port: serviceNamed("identity").ports.admin, appProtocol: "http" }],
      },
    },
  ]);
});

test("only the edge is told when they change, because only its proxy looks at tokens", () => {
  const told = services.filter((service) =>
    JSON.stringify(sidecar(service, services, nothing, place).spec).includes("identity-keys"),
  );
  expect(told.map(({ name }) => name)).toEqual(["gateway"]);
});
