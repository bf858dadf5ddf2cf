// The variables of identity beside the base ones, and what production does not allow.

import { type BaseConfig, ConfigError, flag, type Role, whole } from "@webstore/kit";
import { z } from "zod";

/** OWASP's least for argon2id: 19 MiB, two passes, one lane. */
const memoryKibDefault = 19_456;
const timeCostDefault = 2;

export const identityConfig = z.object({
  IDENTITY_ARGON2_MEMORY_KIB: whole(memoryKibDefault, 8, 1_048_576).describe(
    "Memory for hashing one password. Less than the default is refused in production.",
  ),
  IDENTITY_ARGON2_TIME_COST: whole(timeCostDefault, 1, 20).describe(
    "Passes over that memory. Less than the default is refused in production.",
  ),
  IDENTITY_ARGON2_RUNNING_MAX: whole(2, 1, 64).describe("Passwords hashed at a time."),
  IDENTITY_ARGON2_WAITING_MAX: whole(100, 0, 10_000).describe(
    "Passwords that may wait to be hashed; more are told to come later.",
  ),
  IDENTITY_KEY_ROTATION_DAYS: whole(30, 1, 365).describe("The age at which a signing key gets a successor."),
  IDENTITY_KEY_ENCRYPTION_KEY: z
    .base64()
    .length(44, "must be 32 bytes in base64")
    .optional()
    .describe("Encrypts the signing keys in the database; 32 bytes in base64. Set it in production."),
  ALLOWED_ROLES: z
    .string()
    .default("user,admin")
    .transform((text) => text.split(",").map((role) => role.trim()))
    .pipe(z.array(z.enum(["user", "admin"])).min(1))
    .transform((roles): ReadonlySet<Role> => new Set(roles))
    .describe("The roles that may log in, separated by commas."),
  SEED_DEMO: flag(false).describe("Makes the demo's users at start. Refused in production."),
});
export type IdentityConfig = z.output<typeof identityConfig>;

export function checkProduction(config: BaseConfig & IdentityConfig): void {
  if (!config.PRODUCTION_ENV) return;
  if (config.SEED_DEMO) throw new ConfigError("SEED_DEMO must not be on in production");
  if (config.IDENTITY_ARGON2_MEMORY_KIB < memoryKibDefault)
    throw new ConfigError(`IDENTITY_ARGON2_MEMORY_KIB must be at least ${memoryKibDefault} in production`);
  if (config.IDENTITY_ARGON2_TIME_COST < timeCostDefault)
    throw new ConfigError(`IDENTITY_ARGON2_TIME_COST must be at least ${timeCostDefault} in production`);
}
