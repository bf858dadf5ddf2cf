// A host outside of the mesh that a service may reach: ServiceEntry. Without one the proxies send nothing there.

import { type Manifest, metadataOf, networkingApi, type Place } from "./place.ts";

export type ServiceEntrySpec = {
  readonly hosts: readonly string[];
  readonly location: "MESH_EXTERNAL";
  readonly resolution: "DNS";
  readonly ports: readonly {
    readonly number: number | string;
    readonly name: string;
    readonly protocol: string;
  }[];
};
export type ServiceEntry = Manifest<ServiceEntrySpec>;

export type Outside = {
  readonly name: string;
  readonly host: string;
  /** A text where Helm fills it in. */
  readonly port: number | string;
  /** `HTTP`, `HTTPS`, `TCP` …, as Istio names them; it decides what the proxy makes of the bytes. */
  readonly protocol: string;
};

/** A partner's API, or a store that somebody else runs. */
export function serviceEntry({ name, host, port, protocol }: Outside, place: Place): ServiceEntry {
  return {
    apiVersion: networkingApi,
    kind: "ServiceEntry",
    metadata: metadataOf(name, place),
    spec: {
      hosts: [host],
      location: "MESH_EXTERNAL",
      resolution: "DNS",
      // The protocol decides, not the name, which only has to be there and be the same always.
      ports: [{ number: port, name: "outside", protocol }],
    },
  };
}
