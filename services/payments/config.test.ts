import { readConfig } from "@webstore/kit";
import { expect, test } from "vitest";
import { checkProduction, paymentsConfig } from "./config.ts";

type Checked = Parameters<typeof checkProduction>[0];
const read = (env: Record<string, string>) => readConfig(paymentsConfig, env);
const good = { STRIPE_API_KEY: "sk_live_abcdef", STRIPE_WEBHOOK_SECRET: "whsec_abcdef" };
const inProduction = (env: Record<string, string>) => () =>
  checkProduction({ ...read(env), PRODUCTION_ENV: true } as Checked);

test("several secrets are read, with commas between", () => {
  expect(read({}).STRIPE_WEBHOOK_SECRET).toEqual(["whsec_webstore"]);
  const { STRIPE_WEBHOOK_SECRET } = read({ STRIPE_WEBHOOK_SECRET: "whsec_new_one,whsec_old_one" });
  expect(STRIPE_WEBHOOK_SECRET).toEqual(["whsec_new_one", "whsec_old_one"]);
});

test.each(["whsec_good_one,", "short", "a b c d e f g", "whsec_good_one, whsec_other_one"])(
  "the secrets %o are refused, and not repeated",
  (secrets) => {
    const refused = () => read({ STRIPE_WEBHOOK_SECRET: secrets });
    expect(refused).toThrow("must be secrets");
    expect(refused).not.toThrow("good_one");
  },
);

test.each([
  ["the demo's key", { ...good, STRIPE_API_KEY: "sk_test_webstore" }, "STRIPE_API_KEY"],
  ["the demo's secret", { ...good, STRIPE_WEBHOOK_SECRET: "whsec_webstore" }, "STRIPE_WEBHOOK_SECRET"],
  [
    "the demo's secret beside another",
    { ...good, STRIPE_WEBHOOK_SECRET: "whsec_abcdef,whsec_webstore" },
    "STRIPE_WEBHOOK_SECRET",
  ],
  ["no secret at all", { STRIPE_API_KEY: good.STRIPE_API_KEY }, "STRIPE_WEBHOOK_SECRET"],
])("production does not start with %s", (_, env, variable) => {
  expect(inProduction(env)).toThrow(`${variable} must be set in production`);
});

test("production starts with secrets of its own", () => {
  expect(inProduction(good)).not.toThrow();
});
