// The values that all charts of one store share. Helm hands them down from the umbrella as `global`; a chart that is
// installed alone has the same ones with the same defaults.

import { flag, list, placeholdersOf, text, whole } from "./values.ts";

const url = "^(https?://[^/\\s]+)?$";

export const globalDeclaration = {
  global: {
    host: text("webstore.local", "The public name of the store, which its ingress answers to.", {
      pattern: "^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$",
    }),
    production: flag(false, "Production: no demo data, no /docs, strict checks of the configuration."),
    demo: flag(false, "Whether there are the demo's products and users."),
    dev: flag(false, "For skaffold dev: containers run what is copied into them. Not for production."),
    logLevel: text("info", "How much the services log.", {
      enum: ["trace", "debug", "info", "warn", "error", "fatal", "silent"],
    }),
    secretName: text("", "The Secret with keys and addresses. Empty: `<release>-secrets`."),
    installation: text(
      "",
      "Tells this installation from an earlier one of the same name, whose keys the mesh may still remember. Empty: made at the first installation and kept, which `helm template` cannot.",
      { pattern: "^[A-Za-z0-9.-]*$" },
    ),
    clusterDomain: text("cluster.local", "The cluster's DNS domain.", { minLength: 1 }),
    image: {
      registry: text("", "Stands before every image of the store, such as `registry.example.com/shop/`.", {
        pattern: "^([a-z0-9].*/)?$",
      }),
      pullPolicy: text("IfNotPresent", "When images are pulled.", {
        enum: ["Always", "IfNotPresent", "Never"],
      }),
      pullSecrets: list<{ name: string }>([], "Secrets for pulling, such as `[{name: registry}]`."),
    },
    istio: {
      enabled: flag(
        true,
        "Whether the store runs in an Istio mesh. Without, its processes retry and break by themselves.",
      ),
      trustDomain: text("cluster.local", "The mesh's trust domain.", { minLength: 1 }),
      ingress: {
        namespace: text("istio-system", "Where the ingress gateway runs."),
        serviceAccount: text("istio-ingressgateway", "As whom the ingress gateway calls."),
        selector: text("ingressgateway", "Its label `istio`."),
        tlsSecret: text("", "A TLS Secret in its namespace; with it the store is served on 443, too."),
      },
      tracing: {
        provider: text("", "An extension provider of the mesh for traces. Empty: the mesh's default."),
        percentage: whole(10, "Share of requests that are traced.", { maximum: 100 }),
      },
      accessLogProvider: text(
        "envoy",
        "An extension provider of the mesh for access logs, used with that for traces.",
      ),
      proxy: {
        cpu: text("5m", "CPU that each sidecar requests."),
        memory: text("48Mi", "Memory that each sidecar requests."),
      },
    },
    stores: {
      external: flag(
        false,
        "Databases and Kafka are outside of the release: their addresses are in the Secret.",
      ),
    },
    kafka: {
      brokers: text("", "Kafka's brokers, `host:port`, with commas between. Empty: the release's own."),
      tls: flag(false, "Whether they speak TLS."),
      saslMechanism: text(
        "SCRAM-SHA-512",
        "How they are logged in to, where the Secret has KAFKA_USERNAME and KAFKA_PASSWORD.",
        { enum: ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] },
      ),
    },
    partners: {
      paymentProvider: {
        url: text("", "The payment provider's API. Empty: the release's simulator.", { pattern: url }),
      },
      crm: { url: text("", "The CRM's API. Empty: the release's simulator.", { pattern: url }) },
      inventory: { url: text("", "The inventory's API. Empty: the release's simulator.", { pattern: url }) },
    },
    telemetry: {
      endpoint: text(
        "",
        "The OpenTelemetry collector, such as `http://otel-collector.observability:4317`. Empty: none.",
      ),
      namespace: text("observability", "The collector's namespace."),
    },
    monitoring: {
      enabled: flag(false, "Whether Prometheus Operator's objects are made."),
      namespace: text("monitoring", "From where metrics are read."),
    },
  },
} as const;

const { global } = placeholdersOf(globalDeclaration);
export const globals = global;
