// Kafka as a company runs it: behind TLS, and for those only who log in.

import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer } from "node:tls";
import { inspect } from "node:util";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { type KafkaBusOptions, openKafkaBus } from "./bus.kafka.ts";
import type { KafkaSecurity } from "./bus.kafka-cluster.ts";
import { quietLog as log } from "./bus.kafka-testing.ts";
import { baseConfig, ConfigError, readConfig } from "./config.ts";
import { Outage } from "./refusal.ts";
import { kafkaSecurityOf } from "./service-parts.ts";
import { describeWithDocker, freePort, startKafka } from "./testing-container.ts";

const configured = (env: Record<string, string>) => kafkaSecurityOf(readConfig(baseConfig, env));

test("the environment says whether there is TLS, and who logs in how", () => {
  expect(configured({})).toEqual({});
  expect(configured({ KAFKA_TLS: "true" })).toEqual({ tls: {} });
  const login = { username: "store", password: "secret" };
  const env = { KAFKA_USERNAME: login.username, KAFKA_PASSWORD: login.password };
  expect(configured(env)).toEqual({ sasl: { mechanism: "SCRAM-SHA-512", ...login } });
  expect(configured({ ...env, KAFKA_SASL_MECHANISM: "PLAIN" })).toEqual({
    sasl: { mechanism: "PLAIN", ...login },
  });
});

test.each([
  [{ KAFKA_USERNAME: "store" }, "KAFKA_PASSWORD: is required"],
  [{ KAFKA_PASSWORD: "secret" }, "KAFKA_USERNAME: is required"],
  [{ KAFKA_SASL_MECHANISM: "GSSAPI" }, "KAFKA_SASL_MECHANISM: "],
])("half a login, or one of another kind, is refused: %o", (env, problem) => {
  expect(() => configured(env)).toThrow(ConfigError);
  expect(() => configured(env)).toThrow(problem);
});

/** A certificate for `localhost` that nobody has signed but itself. */
function selfSigned(): { key: string; cert: string } {
  const folder = mkdtempSync(join(tmpdir(), "webstore-kafka-tls-"));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  try {
    execFileSync(
      "openssl",
      [
        ...[
          "req",
          "-x509",
          "-newkey",
          "ec",
          "-pkeyopt",
          "ec_paramgen_curve:prime256v1",
          "-nodes",
          "-days",
          "2",
        ],
        ...[
          "-subj",
          "/CN=localhost",
          "-addext",
          "subjectAltName=DNS:localhost",
          "-keyout",
          key,
          "-out",
          cert,
        ],
      ],
      { stdio: "ignore" },
    );
    return { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describeWithDocker("the bus on a Kafka that wants TLS and a login", () => {
  const login = { username: "store", password: "kafka-test-password" };
  const certificate = selfSigned();
  let kafka: Awaited<ReturnType<typeof startKafka>>;
  let brokers: readonly string[];
  const names = new Set<string | false | null>();
  const server = createServer(certificate, (client) => {
    names.add(client.servername);
    const broker = connect(kafka.port, kafka.host);
    for (const end of [client, broker]) end.on("error", () => [client, broker].map((each) => each.destroy()));
    client.pipe(broker).pipe(client);
  });

  beforeAll(async () => {
    const front = await freePort();
    kafka = await startKafka((port) => ({
      KAFKA_LISTENERS: `STORE://:${port},BROKER://:9094,CONTROLLER://:9093`,
      KAFKA_ADVERTISED_LISTENERS: `STORE://localhost:${front},BROKER://localhost:9094`,
      KAFKA_INTER_BROKER_LISTENER_NAME: "BROKER",
      KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: "STORE:SASL_PLAINTEXT,BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
      KAFKA_LISTENER_NAME_STORE_SASL_ENABLED_MECHANISMS: "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
      KAFKA_LISTENER_NAME_STORE_PLAIN_SASL_JAAS_CONFIG: `org.apache.kafka.common.security.plain.PlainLoginModule required user_${login.username}="${login.password}";`,
      ...Object.fromEntries(
        ["256", "512"].map((bits) => [
          `KAFKA_LISTENER_NAME_STORE_SCRAM___SHA___${bits}_SASL_JAAS_CONFIG`,
          "org.apache.kafka.common.security.scram.ScramLoginModule required;",
        ]),
      ),
    }));
    await new Promise<void>((resolve) => server.listen(front, "localhost", resolve));
    brokers = [`localhost:${front}`];
    for (const bits of ["256", "512"]) {
      const { exitCode, output } = await kafka.container.exec([
        ...["/opt/kafka/bin/kafka-configs.sh", "--bootstrap-server", "localhost:9094", "--alter"],
        ...["--add-config", `SCRAM-SHA-${bits}=[password=${login.password}]`],
        ...["--entity-type", "users", "--entity-name", login.username],
      ]);
      expect(exitCode, output).toBe(0);
    }
  }, 120_000);
  afterAll(async () => {
    server.close();
    await kafka.stop();
  });

  const open = (security: KafkaSecurity, options: Partial<KafkaBusOptions> = {}) =>
    openKafkaBus({ brokers, security, log, delayMs: async () => {}, ...options });
  const tls = { ca: certificate.cert };

  test.each(["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const)(
    "whoever logs in with %s publishes and consumes, through TLS to the name that was asked for",
    async (mechanism) => {
      const bus = await open({ tls, sasl: { mechanism, ...login } });
      onTestFinished(() => bus.close());
      const topic = `topic-${randomUUID()}`;
      const seen: string[] = [];
      await bus.subscribe({
        topic,
        group: "g",
        handle: async ({ value }) => void seen.push(Buffer.from(value).toString()),
      });
      await bus.publish([{ topic, key: "order-1", value: Buffer.from("paid"), headers: {} }]);
      await vi.waitFor(() => expect(seen).toEqual(["paid"]), { timeout: 20_000 });
      expect([...names]).toEqual(["localhost"]);
    },
  );

  const wrong = { ...login, password: "guessed" };
  test.each<[string, string, KafkaSecurity]>([
    ["a wrong password", "refuses the login", { tls, sasl: { mechanism: "PLAIN", ...wrong } }],
    [
      "a wrong password in SCRAM",
      "refuses the login",
      { tls, sasl: { mechanism: "SCRAM-SHA-512", ...wrong } },
    ],
    ["no login", "cannot be reached", { tls }],
    [
      "a certificate that nobody trusts",
      "cannot be reached",
      { tls: {}, sasl: { mechanism: "PLAIN", ...login } },
    ],
    ["no TLS", "cannot be reached", { sasl: { mechanism: "PLAIN", ...login } }],
  ])("there is no bus with %s", async (_, message, security) => {
    const refused = await open(security).catch((error: Error) => error);
    expect(refused).toBeInstanceOf(Outage);
    expect(refused).toMatchObject({ message: expect.stringContaining(message) });
    expect(inspect(refused)).not.toContain("guessed");
  });
});
