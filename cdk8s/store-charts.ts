// The charts of the demo's data stores: the official images, one replica each. Past a demo a store is somebody's
// profession: take an operator's or a provider's, and give its address (global.stores.external).

import { k8s } from "cdk8s-plus-34";
import type { Chart } from "./chart.ts";
import { hostOf } from "./environment.ts";
import { globalDeclaration, globals } from "./global-values.ts";
import { storeMesh } from "./mesh.ts";
import { metadataOf, secretName } from "./naming.ts";
import { storePolicy } from "./network-policy.ts";
import { serviceAccount } from "./service-account.ts";
import { type StatefulPart, statefulDeclaration, statefulService, statefulSet } from "./stateful-set.ts";
import { type Store, storePorts, storesOf } from "./stores.ts";
import type { Definitions } from "./system.ts";
import { flag, placeholdersOf } from "./values.ts";

type StoreChart = {
  readonly description: string;
  readonly image: { readonly repository: string; readonly tag: string };
  readonly memory: { readonly requested: string; readonly limit: string };
  readonly part: Omit<StatefulPart, "name" | "image" | "ports">;
  /** What it reads from files. */
  readonly files?: Readonly<Record<string, string>>;
};

const listens = (port: number): k8s.Probe => ({ tcpSocket: { port: k8s.IntOrString.fromNumber(port) } });
const asks = (...command: string[]): k8s.Probe => ({ exec: { command } });
const secret = (name: string): k8s.EnvVar => ({
  name,
  valueFrom: { secretKeyRef: { name: secretName, key: name } },
});

const kafkaFiles = "/etc/webstore-kafka";
/** Any will do, as long as it stays. */
const kafkaClusterId = "d2Vic3RvcmUta2Fma2EtMQ";
const kafkaLog = `Configuration:
  Appenders:
    Console:
      name: STDOUT
      target: SYSTEM_OUT
      PatternLayout:
        Pattern: "[%d] %p %m (%c)%n"
  Loggers:
    Root:
      level: WARN
      AppenderRef:
        - ref: STDOUT
`;

const charts: Readonly<Record<Store, StoreChart>> = {
  postgres: {
    description: "PostgreSQL for demos of WebStore",
    image: { repository: "postgres", tag: "18" },
    memory: { requested: "96Mi", limit: "512Mi" },
    part: {
      userId: 999,
      args: ["postgres", "-c", "max_connections=300"],
      env: [
        { name: "POSTGRES_USER", value: "webstore" },
        { name: "POSTGRES_DB", value: "webstore" },
        secret("POSTGRES_PASSWORD"),
      ],
      dataPath: "/var/lib/postgresql",
      scratchPaths: ["/var/run/postgresql"],
      probe: asks("pg_isready", "--username=webstore", "--dbname=webstore", "--host=127.0.0.1"),
      stopSeconds: 60,
    },
  },
  redis: {
    description: "Redis for demos of WebStore",
    image: { repository: "redis", tag: "8" },
    memory: { requested: "24Mi", limit: "128Mi" },
    part: {
      userId: 999,
      // A cart that was answered is on the disk.
      args: [
        "redis-server",
        ...["--dir", "/data", "--appendonly", "yes", "--appendfsync", "always"],
        ...["--requirepass", "$(REDIS_PASSWORD)", "--maxmemory-policy", "noeviction"],
      ],
      env: [secret("REDIS_PASSWORD")],
      dataPath: "/data",
      probe: listens(storePorts.redis),
      stopSeconds: 30,
    },
  },
  mongo: {
    description: "MongoDB for demos of WebStore",
    image: { repository: "mongo", tag: "8" },
    memory: { requested: "96Mi", limit: "768Mi" },
    part: {
      userId: 999,
      env: [],
      dataPath: "/data/db",
      scratchPaths: ["/data/configdb"],
      probe: listens(storePorts.mongo),
      stopSeconds: 60,
    },
  },
  kafka: {
    description: "Kafka for demos of WebStore, one broker that is its own controller",
    image: { repository: "apache/kafka", tag: "4.1.0" },
    memory: { requested: "384Mi", limit: "1Gi" },
    part: {
      userId: 1000,
      // Its image's own start knows no read-only folder, and not every build of it a disk that was used before.
      command: [
        "bash",
        "-c",
        `/opt/kafka/bin/kafka-storage.sh format --ignore-formatted --cluster-id ${kafkaClusterId} --config ${kafkaFiles}/server.properties && exec /opt/kafka/bin/kafka-server-start.sh ${kafkaFiles}/server.properties`,
      ],
      env: [
        { name: "KAFKA_HEAP_OPTS", value: "-Xms192m -Xmx384m" },
        { name: "KAFKA_LOG4J_OPTS", value: `-Dlog4j2.configurationFile=${kafkaFiles}/log4j2.yaml` },
        { name: "LOG_DIR", value: "/tmp" },
      ],
      dataPath: "/var/lib/kafka/data",
      filesPath: kafkaFiles,
      probe: listens(storePorts.kafka),
      stopSeconds: 60,
    },
    files: {
      "server.properties": [
        "node.id=1",
        "process.roles=broker,controller",
        `listeners=PLAINTEXT://:${storePorts.kafka},CONTROLLER://127.0.0.1:9093`,
        `advertised.listeners=PLAINTEXT://${hostOf("kafka")}:${storePorts.kafka}`,
        "controller.listener.names=CONTROLLER",
        "controller.quorum.voters=1@127.0.0.1:9093",
        "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "log.dirs=/var/lib/kafka/data/logs",
        "offsets.topic.replication.factor=1",
        "transaction.state.log.replication.factor=1",
        "transaction.state.log.min.isr=1",
        "group.initial.rebalance.delay.ms=0",
        "auto.create.topics.enable=false",
        "",
      ].join("\n"),
      "log4j2.yaml": kafkaLog,
    },
  },
};

export function storeChart(store: Store, system: Definitions): Chart {
  const { description, image, memory, part, files } = charts[store];
  const name = storesOf[store];
  const declaration = {
    enabled: flag(true, "Whether the umbrella installs it."),
    ...statefulDeclaration({ image, cpu: "20m", memory, storage: "1Gi" }),
    ...globalDeclaration,
  };
  const values = placeholdersOf(declaration);
  const port = storePorts[store];
  const whole: StatefulPart = {
    ...part,
    name,
    // These images are not the store's, so its registry does not stand before them.
    image: `${values.image.repository}:${values.image.tag}`,
    ports: [{ name: store, port, appProtocol: "tcp" }],
  };
  return {
    name,
    description,
    values: declaration,
    templates: {
      ...(files === undefined
        ? {}
        : {
            "config-map": {
              objects: [k8s.KubeConfigMap.manifest({ metadata: metadataOf(name), data: files })],
            },
          }),
      istio: { objects: storeMesh(store, system), when: globals.istio.enabled },
      "network-policy": { objects: [storePolicy(store, system)] },
      service: { objects: [statefulService(whole)] },
      "service-account": { objects: [serviceAccount(name)] },
      "stateful-set": { objects: [statefulSet(whole, values)] },
    },
    notes: `${name} is at {{ .Release.Name }}-${name}.{{ .Release.Namespace }}:${port}.`,
    readme:
      "One replica with a disk that goes with the release: for demos and tests. For money that counts, use a managed store or an operator's and set `global.stores.external`.",
  };
}
