import { Stripe } from "stripe";
import { expect, test } from "vitest";
import { openDatabase } from "./database.ts";
import { failureTable, openFailures } from "./failures.ts";
import { seededIds } from "./ids.ts";
import { admin, hold, refusalOf, startTestProvider } from "./testing.ts";

/** The statuses of `count` attempts by customers of one country; 200 for a success. */
async function statusesOf(stripe: Stripe, country: string, count: number): Promise<number[]> {
  const statuses: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const status = await hold(stripe, { metadata: { country } }).then(
      () => 200,
      (error: { statusCode: number }) => error.statusCode,
    );
    statuses.push(status);
  }
  return statuses;
}

test("nothing fails unless it is asked to", async () => {
  const { stripe, url } = await startTestProvider();
  expect(await (await admin(url, "GET", "failures")).json()).toEqual({ countries: {} });
  expect(new Set(await statusesOf(stripe, "BR", 50))).toEqual(new Set([200]));
});

test("equal seeds fail equally, other seeds otherwise", async () => {
  const run = async (seed: string) => {
    const { stripe } = await startTestProvider({ FAILURES: "table", PAYMENT_PROVIDER_SEED: seed });
    return statusesOf(stripe, "BR", 120);
  };
  const first = await run("one");
  expect(await run("one")).toEqual(first);
  expect(await run("two")).not.toEqual(first);
  const failed = first.filter((status) => status !== 200);
  expect(failed.length).toBeGreaterThan(5);
  expect(failed.length).toBeLessThan(40);
  expect(failed.every((status) => [400, 404, 500, 503].includes(status))).toBe(true);
});

test("a failed request did nothing", async () => {
  const { stripe, url } = await startTestProvider();
  await admin(url, "PUT", "failures", { countries: { FR: { rate: 1, codes: [500] } } });
  expect(await refusalOf(hold(stripe, { metadata: { country: "FR" } }))).toMatchObject({ statusCode: 500 });
  expect((await stripe.paymentIntents.list()).data).toEqual([]);
  expect((await hold(stripe, { metadata: { country: "US" } })).status).toBe("requires_capture");
});

test("the country of a payment counts for all that is done to it, but reads are true", async () => {
  const { stripe, url } = await startTestProvider();
  const { id } = await hold(stripe, { metadata: { country: "GB" } });
  await admin(url, "PUT", "failures", { countries: { UK: { rate: 1, codes: [503] } } });
  expect(await refusalOf(stripe.paymentIntents.capture(id))).toMatchObject({ statusCode: 503 });
  expect((await stripe.paymentIntents.retrieve(id)).status).toBe("requires_capture");
});

test.each([
  [400, true],
  [404, true],
  [500, true],
  [429, false],
  [503, false],
] as const)("an injected %i is kept under its key: %s", async (status, kept) => {
  const { stripe, url } = await startTestProvider();
  await admin(url, "PUT", "failures", { countries: { IN: { rate: 1, codes: [status] } } });
  const call = () => hold(stripe, { metadata: { country: "IN" } }, "key-1");
  const first = await refusalOf(call());
  expect(first.statusCode).toBe(status);
  if (status === 429) expect(first).toBeInstanceOf(Stripe.errors.StripeRateLimitError);
  await admin(url, "PUT", "failures", { countries: {} });
  const again = await call().then(
    () => 200,
    (error: { statusCode: number }) => error.statusCode,
  );
  expect(again).toBe(kept ? status : 200);
});

test("rates that are not rates are refused, and change nothing", async () => {
  const { url } = await startTestProvider({ FAILURES: "table" });
  for (const countries of [
    { US: { rate: 2, codes: [500] } },
    { US: { rate: 0.1, codes: [200] } },
    { us: {} },
    5,
  ]) {
    expect((await admin(url, "PUT", "failures", { countries })).status).toBe(400);
  }
  expect(await (await admin(url, "GET", "failures")).json()).toEqual(failureTable);
});

test("a reset forgets everything, and no id comes again", async () => {
  const { stripe, url } = await startTestProvider();
  const { id } = await hold(stripe, {}, "key-1");
  await admin(url, "PUT", "failures", { countries: { US: { rate: 1, codes: [500] } } });
  await admin(url, "POST", "scenarios", { do: "drop" });
  expect((await admin(url, "POST", "reset")).status).toBe(200);
  expect((await stripe.paymentIntents.list()).data).toEqual([]);
  expect(await refusalOf(stripe.paymentIntents.capture(id))).toMatchObject({ statusCode: 404 });
  const after = await hold(stripe, { metadata: { country: "US" } }, "key-1");
  expect(after.id).not.toBe(id);
});

/** The documented table: the share that fails, and with what. */
const documented: readonly (readonly [country: string, percent: number, codes: readonly number[]])[] = [
  ["US", 5, [400, 500, 503]],
  ["UK", 7, [400, 404, 500]],
  ["DE", 6, [500, 503]],
  ["FR", 8, [400, 429, 500, 503]],
  ["JP", 10, [500, 503]],
  ["BR", 15, [400, 404, 500, 503]],
  ["IN", 12, [400, 500, 503]],
];

test.each(documented)(
  "of the requests for %s, %i %% fail, with each of %j alike",
  (country, percent, codes) => {
    const database = openDatabase(":memory:");
    const failures = openFailures(database, seededIds("webstore", database), "table");
    const draws = 30_000;
    const counts = new Map<number, number>();
    database.transact(
      () => {
        for (let i = 0; i < draws; i += 1) {
          const status = failures.draw(country);
          if (status !== undefined) counts.set(status, (counts.get(status) ?? 0) + 1);
        }
      },
      () => false,
    );
    const failed = [...counts.values()].reduce((sum, count) => sum + count, 0);
    expect((100 * failed) / draws).toBeCloseTo(percent, 0);
    expect([...counts.keys()].sort()).toEqual(codes);
    for (const count of counts.values()) expect((count * codes.length) / failed).toBeCloseTo(1, 0);
    database.close();
  },
);

test.each(documented)(
  "for %s (%i %%), each of its failures is kept under its key or not: %j",
  async (country, _percent, codes) => {
    const { stripe } = await startTestProvider({ FAILURES: "table" });
    const attempt = (key: string) =>
      hold(stripe, { metadata: { country } }, key).then(
        ({ lastResponse }) => ({ status: 200, replayed: lastResponse.headers["idempotent-replayed"] }),
        (error: InstanceType<typeof Stripe.errors.StripeError>) => ({
          status: error.statusCode ?? 0,
          replayed: error.headers?.["idempotent-replayed"],
        }),
      );
    const unseen = new Set(codes);
    for (let i = 0; i < 1_000 && unseen.size > 0; i += 1) {
      const { status, replayed } = await attempt(`key-${i}`);
      expect(replayed).toBeUndefined();
      if (!unseen.delete(status)) continue;
      const again = await attempt(`key-${i}`);
      if (status === 429 || status === 503) expect(again.replayed).toBeUndefined();
      else expect(again).toEqual({ status, replayed: "true" });
    }
    expect([...unseen]).toEqual([]);
  },
);

test("customers of countries that are not in the table, or of none, see no failure", async () => {
  const { stripe } = await startTestProvider({ FAILURES: "table" });
  expect(new Set(await statusesOf(stripe, "CH", 60))).toEqual(new Set([200]));
  for (let i = 0; i < 60; i += 1) expect((await hold(stripe)).status).toBe("requires_capture");
});
