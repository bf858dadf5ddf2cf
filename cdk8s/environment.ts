// What a service's process is told: where its callees, partners and stores are, and which secrets it gets. All of it
// follows from the definition.

import { dependencyVariable, type ServiceDefinition } from "@webstore/kit";
import type { k8s } from "cdk8s-plus-34";
import { globals } from "./global-values.ts";
import { nameOf, namespace, release, secretName } from "./naming.ts";
import type { Store } from "./stores.ts";
import { type Definitions, partnerNamed, serviceNamed } from "./system.ts";
import { either, expression, goOf, orElse, quoted } from "./values.ts";

export type ServiceStore = "redis" | "mongo" | "postgres";

/** Where a service can keep its data in a cluster, of what its definition allows; the first unless its values say otherwise. */
export function storeKindsOf({ stores }: Pick<ServiceDefinition, "stores">): ServiceStore[] {
  return (["redis", "mongo", "postgres"] as const).filter((kind) => kind in stores);
}

/** Whether it keeps its data there: for a service that has the choice, what its values say. */
export function keepsIn(definition: Pick<ServiceDefinition, "stores">, kind: ServiceStore): boolean {
  const kinds = storeKindsOf(definition);
  if (kinds.length < 2) return kinds.includes(kind);
  return expression("scalar", `eq .Values.store "${kind}"`);
}

export const usesBus = ({ publishes, consumes }: ServiceDefinition) => publishes.length + consumes.length > 0;

const storeVariables = { redis: "REDIS_URL", mongo: "MONGODB_URL", postgres: "DATABASE_URL" } as const;

export const hostOf = (member: string) => `${nameOf(member)}.${namespace}.svc.${globals.clusterDomain}`;

/** Where the keys of tokens are published. */
export const jwksUrlOf = (system: Definitions) =>
  `http://${hostOf(keys)}:${serviceNamed(system, keys).ports.admin}/.well-known/jwks.json`;

/** Whoever signs the tokens. */
export const keys = "identity";

/** Who keeps something in a store, or may. */
export function keepersOf(store: Store, { services }: Definitions): ServiceDefinition[] {
  return services.filter((each) => (store === "kafka" ? usesBus(each) : storeKindsOf(each).includes(store)));
}

/** Of each partner, the value that says where its API is. */
const partnerUrls: Readonly<Record<string, string>> = {
  "payment-provider": globals.partners.paymentProvider.url,
  crm: globals.partners.crm.url,
  inventory: globals.partners.inventory.url,
};

export function partnerUrlOf(partner: string): string {
  const url = partnerUrls[partner];
  if (url === undefined) throw new Error(`global.partners in cdk8s/global-values.ts has no ${partner}`);
  return url;
}

/** The variables that are no secrets. */
export function configOf(definition: ServiceDefinition, system: Definitions): Record<string, string> {
  const callees = Object.values(definition.calls).map(({ service }) => service);
  const partners = Object.values(definition.partners).map(({ partner }) => partner);
  return {
    APP_HOST: "0.0.0.0",
    LOG_LEVEL: globals.logLevel,
    PRODUCTION_ENV: expression("text", `print ${goOf(globals.production)}`),
    MESH: either(globals.istio.enabled, "istio", "none"),
    JWKS_URL: jwksUrlOf(system),
    TOKEN_ISSUER: globals.host,
    ...Object.fromEntries(
      callees.map((callee) => [
        dependencyVariable(callee, "ADDRESS"),
        `${hostOf(callee)}:${serviceNamed(system, callee).ports.rpc}`,
      ]),
    ),
    ...Object.fromEntries(
      partners.map((partner) => [
        dependencyVariable(partner, "URL"),
        orElse(partnerUrlOf(partner), `http://${hostOf(partner)}:${partnerNamed(system, partner).port}`),
      ]),
    ),
    ...(usesBus(definition)
      ? {
          KAFKA_BROKER_URL: orElse(globals.kafka.brokers, `${hostOf("kafka")}:9092`),
          KAFKA_TLS: expression("text", `print ${goOf(globals.kafka.tls)}`),
          KAFKA_SASL_MECHANISM: globals.kafka.saslMechanism,
        }
      : {}),
    // Read by who has something to show.
    SEED_DEMO: expression("text", `print ${goOf(globals.demo)}`),
    ...(definition.ports.http === undefined
      ? {}
      : {
          APP_PORT: String(definition.ports.http),
          // Its own name, too: so it is called from inside, for the events of the payment provider.
          BACKEND_ALLOWED_HOSTS: expression(
            "text",
            `toJson (list ${goOf(globals.host)} ${quoted(hostOf(definition.name))} "localhost" "127.0.0.1")`,
          ),
          BACKEND_CORS_ORIGINS: expression(
            "text",
            `toJson (list (print "http://" ${goOf(globals.host)}) (print "https://" ${goOf(globals.host)}))`,
          ),
          TRUSTED_PROXY_HOPS: "1",
        }),
    OTEL_EXPORTER_OTLP_ENDPOINT: globals.telemetry.endpoint,
    OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
    OTEL_RESOURCE_ATTRIBUTES: `service.namespace=${release},k8s.namespace.name=${namespace}`,
  };
}

/** The variables that are secrets, by reference. Those of the service alone may be missing; the process says what it needs. */
export function secretsOf(definition: ServiceDefinition): k8s.EnvVar[] {
  const from = (name: string, key: string, optional: boolean): k8s.EnvVar => ({
    name,
    valueFrom: { secretKeyRef: { name: secretName, key, optional } },
  });
  const kinds = storeKindsOf(definition);
  return [
    from("INTERNAL_API_KEY", "INTERNAL_API_KEY", false),
    ...kinds.map((kind) => {
      const name = storeVariables[kind];
      if (kinds.length === 1) return from(name, name, false);
      // Of several the process takes what it is given, so the others are given by no name.
      return from(name, either(keepsIn(definition, kind), name, "none"), true);
    }),
    ...(usesBus(definition)
      ? ["KAFKA_USERNAME", "KAFKA_PASSWORD"].map((name) => from(name, name, true))
      : []),
    ...definition.secrets.map((name) => from(name, name, true)),
  ];
}
