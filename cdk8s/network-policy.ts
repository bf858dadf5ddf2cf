// Which packets reach a service's pods and leave them: those of its callers and to its callees, by the same definitions
// as the mesh's rules. The mesh knows who calls and what; this holds even for a pod that has no sidecar.

import type { Manifest } from "@webstore/istio";
import type { PartnerDefinition, ServiceDefinition } from "@webstore/kit";
import { keepersOf, keepsIn, keys, partnerUrlOf, storeKindsOf, usesBus } from "./environment.ts";
import { globals } from "./global-values.ts";
import { metadataOf, releaseSelector, selectorOf } from "./naming.ts";
import { type Store, storePorts, storesOf } from "./stores.ts";
import { callersOf, type Definitions, edgesOf, partnerNamed, serviceNamed, usersOf } from "./system.ts";
import { both, isEmpty, not, when } from "./values.ts";

const port = (number: number, protocol = "TCP") => ({ port: number, protocol });
const pods = (member: string) => ({ podSelector: { matchLabels: selectorOf(member) } });
const anywhere = (name: string) => ({
  namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": name } },
});

/** Names are looked up by everybody, and everybody's sidecar asks istiod for its configuration and certificate. */
const infrastructure = [
  {
    to: [{ ...anywhere("kube-system"), podSelector: { matchLabels: { "k8s-app": "kube-dns" } } }],
    ports: [port(53, "UDP"), port(53)],
  },
  {
    to: [{ ...anywhere("istio-system"), podSelector: { matchLabels: { app: "istiod" } } }],
    ports: [port(15012)],
  },
];

export function networkPolicy(definition: ServiceDefinition, system: Definitions): Manifest {
  return policy(definition.name, ingressOf(definition, system), egressOf(definition, system));
}

/** Of a partner's simulator: who calls it, and where it sends its news. */
export function partnerPolicy({ name, port: at }: PartnerDefinition, system: Definitions): Manifest {
  const users = usersOf(system, name).map((user) => pods(user.name));
  const edge = edgesOf(system).map((each) => ({
    to: [pods(each.name)],
    ports: [port(each.ports.http ?? 0)],
  }));
  return policy(
    name,
    [{ from: [...users, pods("journeys")], ports: [port(at)] }],
    [...infrastructure, ...edge],
  );
}

/** Of a data store: who keeps something in it. It calls nobody. */
export function storePolicy(store: Store, system: Definitions): Manifest {
  const users = keepersOf(store, system).flatMap(({ name }) => [pods(name), pods(`${name}-migration`)]);
  // Kafka's broker calls itself by its name.
  const own = store === "kafka" ? [{ to: [pods("kafka")] }] : [];
  const ingress = [
    { from: [...users, ...(store === "kafka" ? [pods("kafka")] : [])], ports: [port(storePorts[store])] },
  ];
  return policy(storesOf[store], ingress, [...infrastructure, ...own]);
}

function policy(member: string, ingress: readonly unknown[], egress: readonly unknown[]): Manifest {
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: metadataOf(member),
    spec: {
      podSelector: { matchLabels: selectorOf(member) },
      policyTypes: ["Ingress", "Egress"],
      ingress,
      egress,
    },
  };
}

function ingressOf(definition: ServiceDefinition, system: Definitions): unknown[] {
  const { name, ports } = definition;
  const callers = callersOf(system, name).map((caller) => pods(caller.name));
  return [
    ...(callers.length === 0 ? [] : [{ from: callers, ports: [port(ports.rpc)] }]),
    ...(ports.http === undefined
      ? []
      : [
          { from: [anywhere(globals.istio.ingress.namespace)], ports: [port(ports.http), port(ports.rpc)] },
          // Its own partners bring news, and the chart's tests look in.
          {
            from: [...system.partners.map((partner) => pods(partner.name)), pods("test")],
            ports: [port(ports.http)],
          },
        ]),
    ...(name === keys
      ? [
          {
            from: [{ podSelector: { matchLabels: releaseSelector } }, anywhere("istio-system")],
            ports: [port(ports.admin)],
          },
        ]
      : []),
    when(globals.monitoring.enabled, {
      from: [anywhere(globals.monitoring.namespace)],
      ports: [port(ports.admin)],
    }),
  ];
}

function egressOf(definition: ServiceDefinition, system: Definitions): unknown[] {
  const callees = Object.values(definition.calls).map(({ service }) => serviceNamed(system, service));
  const kinds = storeKindsOf(definition);
  const stores = [
    ...kinds.map((kind) => ({ store: kind, isUsed: keepsIn(definition, kind) })),
    ...(usesBus(definition) ? [{ store: "kafka" as const, isUsed: true }] : []),
  ];
  const partners = Object.values(definition.partners).map(({ partner }) => partnerNamed(system, partner));
  return [
    ...infrastructure,
    ...callees.map(({ name, ports }) => ({ to: [pods(name)], ports: [port(ports.rpc)] })),
    ...(definition.name === keys
      ? []
      : [{ to: [pods(keys)], ports: [port(serviceNamed(system, keys).ports.admin)] }]),
    ...stores.flatMap(({ store, isUsed }) => [
      when(andOf(isUsed, not(globals.stores.external)), {
        to: [pods(storesOf[store])],
        ports: [port(storePorts[store])],
      }),
      when(andOf(isUsed, globals.stores.external), { ports: [port(storePorts[store])] }),
    ]),
    ...partners.flatMap(({ name, port: at }) => [
      when(isEmpty(partnerUrlOf(name)), { to: [pods(name)], ports: [port(at)] }),
      when(not(isEmpty(partnerUrlOf(name))), { ports: [port(443), port(80)] }),
    ]),
    // A mail server and a collector are where their addresses say.
    ...(definition.secrets.includes("MAIL_URL")
      ? [{ ports: [25, 465, 587, 1025].map((at) => port(at)) }]
      : []),
    when(not(isEmpty(globals.telemetry.endpoint)), { ports: [port(4317)] }),
  ];
}

/** `true` where there is no choice. */
const andOf = (isUsed: boolean, also: boolean): boolean => (isUsed === true ? also : both(isUsed, also));
