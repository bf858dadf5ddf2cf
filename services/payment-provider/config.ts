// What the payment provider reads from the environment, checked once at the start.

import { join } from "node:path";
import { z } from "zod";

export type Environment = Record<string, string | undefined>;

export type Config = {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** A file, or `:memory:`. */
  readonly databasePath: string;
  readonly seed: string;
  readonly apiKey: string;
  /** Empty: no webhook is sent. */
  readonly webhookUrl: string;
  readonly webhookSecret: string;
  /** Which failure rates hold at the start; undefined keeps those that were last set over the admin API. */
  readonly failures: "table" | "none" | undefined;
};

const schema = z.object({
  APP_HOST: z.string().min(1).default("127.0.0.1"),
  PAYMENT_PROVIDER_PORT: z.coerce.number().int().min(0).max(65_535).default(3001),
  DATA_DIR: z.string().min(1).default(".webstore"),
  PAYMENT_PROVIDER_SEED: z.string().min(1).max(64).default("webstore"),
  PAYMENT_PROVIDER_API_KEY: z
    .string()
    .regex(/^sk_\w{1,120}$/, "must look like sk_…")
    .default("sk_test_webstore"),
  PAYMENT_PROVIDER_WEBHOOK_URL: z.union([z.literal(""), z.url({ protocol: /^https?$/ })]).default(""),
  PAYMENT_PROVIDER_WEBHOOK_SECRET: z.string().min(8).max(128).default("whsec_webstore"),
  FAILURES: z.enum(["table", "none"]).optional(),
});

/** Throws one error that lists every problem, without the values, which may be secrets. */
export function readConfig(env: Environment): Config {
  const read = schema.safeParse(env);
  if (!read.success) {
    const problems = read.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
    throw new Error(`payment-provider: the configuration is not valid: ${problems.join("; ")}`);
  }
  const is = read.data;
  return {
    host: is.APP_HOST,
    port: is.PAYMENT_PROVIDER_PORT,
    databasePath: is.DATA_DIR === ":memory:" ? ":memory:" : join(is.DATA_DIR, "payment-provider.sqlite"),
    seed: is.PAYMENT_PROVIDER_SEED,
    apiKey: is.PAYMENT_PROVIDER_API_KEY,
    webhookUrl: is.PAYMENT_PROVIDER_WEBHOOK_URL,
    webhookSecret: is.PAYMENT_PROVIDER_WEBHOOK_SECRET,
    failures: is.FAILURES,
  };
}
