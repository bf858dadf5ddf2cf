import { expect, test } from "vitest";
import { serviceEntry } from "./service-entry.ts";
import { place, release } from "./testing.ts";

test("a partner's host is made known with its port, whatever Helm fills in", () => {
  const crm = {
    name: "crm",
    host: "{{ .Values.crm.host }}",
    port: "{{ .Values.crm.port }}",
    protocol: "HTTPS",
  };
  const { metadata, spec } = serviceEntry(crm, place);
  expect(metadata.name).toBe(`${release}-crm`);
  expect(spec).toEqual({
    hosts: ["{{ .Values.crm.host }}"],
    location: "MESH_EXTERNAL",
    resolution: "DNS",
    ports: [{ number: "{{ .Values.crm.port }}", name: "outside", protocol: "HTTPS" }],
  });
});
