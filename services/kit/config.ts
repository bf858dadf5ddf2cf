// Configuration: environment variables, checked once at start by a schema. All problems are
// reported together, each with its variable, what it is and what is wrong with it.

import { z } from "zod";

export type Env = Readonly<Record<string, string | undefined>>;

/** `true`/`false` (also 1/0, yes/no, on/off), with a default. */
export const flag = (fallback: boolean) => z.stringbool().default(fallback);

/** A whole number within bounds, with a default. */
export const whole = (fallback: number, min: number, max: number) =>
  z.coerce.number().int().min(min).max(max).default(fallback);

/** What every process of the store reads. Each service adds its own variables to these. */
export const baseConfig = z.object({
  PRODUCTION_ENV: flag(false).describe("Production: no demo tokens, no /docs."),
  APP_HOST: z.string().min(1).max(255).default("127.0.0.1").describe("The address to listen on."),
  RPC_PORT: z.coerce
    .number()
    .int()
    .min(0)
    .max(65_535)
    .optional()
    .describe("gRPC; default: the definition's."),
  RPC_SOCKET: z
    .string()
    .optional()
    .describe(
      "The path of a socket file to make, where gRPC is served too; callers on this machine name it `unix:<path>`.",
    ),
  ADMIN_PORT: z.coerce
    .number()
    .int()
    .min(0)
    .max(65_535)
    .optional()
    .describe("Health and metrics; default: the definition's."),
  LOG_LEVEL: z
    .enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"])
    .default("info")
    .describe("How much is logged."),
  LOG_FILE: z.string().optional().describe("Errors also go to this file."),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, "must start with postgres://")
    .optional()
    .describe("Where the service's PostgreSQL schema is."),
  DATABASE_POOL_MAX: whole(8, 1, 100).describe("Connections to PostgreSQL, or to MongoDB."),
  REDIS_URL: z
    .string()
    .regex(/^rediss?:\/\//, "must start with redis:// or rediss://")
    .optional()
    .describe("Redis, for a service that can keep its data there; without it, PostgreSQL."),
  MONGODB_URL: z
    .string()
    .regex(/^mongodb(\+srv)?:\/\//, "must start with mongodb:// or mongodb+srv://")
    .optional()
    .describe("MongoDB, for a service that can keep its data there; without it, PostgreSQL."),
  KAFKA_BROKER_URL: z
    .string()
    .regex(/^[^\s,:/]+:\d{1,5}(,[^\s,:/]+:\d{1,5})*$/, "must be host:port, several with commas between")
    .optional()
    .describe("Kafka, for the events; without it they travel on PostgreSQL."),
  KAFKA_TLS: flag(false).describe(
    "Whether Kafka's brokers speak TLS; an authority of your own goes into NODE_EXTRA_CA_CERTS.",
  ),
  KAFKA_SASL_MECHANISM: z
    .enum(["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
    .default("SCRAM-SHA-512")
    .describe("How Kafka is logged in to, where there is a user name."),
  KAFKA_USERNAME: z.string().min(1).optional().describe("Who logs in to Kafka; without it nobody does."),
  KAFKA_PASSWORD: z.string().min(1).optional().describe("Their password."),
  INTERNAL_API_KEY: z
    .string()
    .min(16)
    .max(256)
    .optional()
    .describe("Shared by the services of one store; proves that a caller is one of them."),
  JWKS_URL: z.url().optional().describe("Where identity publishes its signing keys."),
  TOKEN_ISSUER: z.string().min(1).default("webstore").describe("The `iss` that access tokens must have."),
  TOKEN_AUDIENCE: z.string().min(1).default("webstore").describe("The `aud` that access tokens must have."),
  DEMO_TOKENS: flag(false).describe("Accept the opaque demo tokens. Refused in production."),
  DRAIN_GRACE_MS: whole(10_000, 0, 600_000).describe(
    "How long a stopping process may finish what is in hand.",
  ),
  MESH: z
    .enum(["none", "istio"])
    .default("none")
    .describe("Who retries and breaks: this process, or the mesh."),
});
export type BaseConfig = z.output<typeof baseConfig>;

export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** Reads `schema` from `env`; throws one ConfigError that lists every problem. Values are not repeated: they may be secrets. */
export function readConfig<T>(schema: z.ZodType<T>, env: Env): T {
  const present = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ""),
  );
  const read = schema.safeParse(present);
  if (read.success) return read.data;
  const problems = read.error.issues.map((issue) => `  ${issue.path.join(".")}: ${issue.message}`);
  throw new ConfigError(`The configuration has ${problems.length} problem(s):\n${problems.join("\n")}`);
}

/** The variable that says where a dependency is: `PAYMENT_PROVIDER_URL`, `ORDERS_ADDRESS`. */
export function dependencyVariable(name: string, kind: "URL" | "ADDRESS"): string {
  return `${name.toUpperCase().replaceAll("-", "_")}_${kind}`;
}
