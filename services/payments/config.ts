// The variables of payments beside the base ones, and what production does not allow.

import { type BaseConfig, ConfigError, whole } from "@webstore/kit";
import { z } from "zod";

const demoApiKey = "sk_test_webstore";
const demoWebhookSecret = "whsec_webstore";

export const paymentsConfig = z.object({
  PAYMENT_PROVIDER_URL: z
    .url({ protocol: /^https?$/ })
    .default("http://127.0.0.1:3001")
    .describe("The payment provider's API: https://api.stripe.com, or the simulator."),
  STRIPE_API_KEY: z
    .string()
    .regex(/^(sk|rk)_[A-Za-z0-9_]{4,250}$/, "must be a secret or restricted key, sk_… or rk_…")
    .default(demoApiKey)
    .describe(
      "The key for the payment provider's API. The default is the simulator's, and refused in production.",
    ),
  STRIPE_WEBHOOK_SECRET: z
    .string()
    .default(demoWebhookSecret)
    .transform((text) => text.split(","))
    .pipe(
      z.array(z.string().regex(/^\w{8,250}$/, "must be secrets such as whsec_…, with commas between")).max(5),
    )
    .describe(
      "What the provider signs its events with; several, with commas between, while it is being changed. The default is the simulator's, and refused in production.",
    ),
  PROVIDER_EVENTS_EVERY_MS: whole(60_000, 100, 86_400_000).describe(
    "How often the provider's own list of events is read, for those about refunds and disputes that never came.",
  ),
});
export type PaymentsConfig = z.output<typeof paymentsConfig>;

export function checkProduction(config: BaseConfig & PaymentsConfig): void {
  if (config.PRODUCTION_ENV && config.STRIPE_API_KEY === demoApiKey) {
    throw new ConfigError("STRIPE_API_KEY must be set in production");
  }
  if (config.PRODUCTION_ENV && config.STRIPE_WEBHOOK_SECRET.includes(demoWebhookSecret)) {
    throw new ConfigError("STRIPE_WEBHOOK_SECRET must be set in production");
  }
}
