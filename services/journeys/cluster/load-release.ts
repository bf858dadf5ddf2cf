// A release of the load's own: the whole store once more, in a namespace of its own, with the images of the main one. KEEP=1
// keeps it when the journey has ended, and takes the one that is there.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Shop } from "../shop.ts";
import { kubectl, must, ran, until } from "./cluster.ts";
import { builtCharts, imagesOfMain } from "./releases.ts";

export const load = { release: "load", namespace: "load", host: "load.local" } as const;
const isKept = process.env.KEEP === "1";
const installTimeout = "10m";

/**
 * What holds under load. Where a stand-in for MongoDB has no atomic changes, or reads a whole collection for each product, payments
 * and products are in PostgreSQL; CATALOG_STORE=mongo leaves the products where they are, for a lower rate.
 */
const storesUnderLoad = {
  "payments.store": "postgres",
  "catalog.store": process.env.CATALOG_STORE ?? "postgres",
};

/** Installs it, or brings it to these values. */
export async function installLoad(settings: Readonly<Record<string, string>> = {}): Promise<void> {
  const there = await ran("helm", ["status", load.release, "--namespace", load.namespace]);
  if (isKept && there.code === 0 && Object.keys(settings).length === 0) return;
  const charts = await builtCharts();
  try {
    const images = join(charts.umbrella, "images.json");
    await writeFile(images, await imagesOfMain());
    const all = { "global.host": load.host, ...storesUnderLoad, ...settings };
    await must(
      "helm",
      [
        ...["upgrade", "--install", load.release, charts.umbrella, "--namespace", load.namespace],
        ...["--create-namespace", "--wait", "--timeout", installTimeout],
        ...["--values", charts.valuesOf.minimal ?? "", "--values", images],
        ...Object.entries(all).flatMap(([name, value]) => ["--set", `${name}=${value}`]),
      ],
      { timeoutMs: 660_000 },
    );
  } finally {
    await charts.remove();
  }
}

export async function removeLoad(): Promise<void> {
  if (isKept) return;
  const where = ["--namespace", load.namespace];
  await ran("helm", ["uninstall", load.release, ...where, "--wait", "--timeout", "3m"], {
    timeoutMs: 240_000,
  });
  await ran("kubectl", ["delete", "namespace", load.namespace, "--ignore-not-found"], { timeoutMs: 240_000 });
}

/** A token of staff, as soon as the proxies believe it: they learn the keys after the store has made them. */
export async function staffOf(shop: Shop): Promise<string> {
  const { access_token: token } = await shop.login({ username: "grace", password: "webstore-demo" });
  await until(
    "the token is believed",
    () => shop.ask("/sagas?page_size=1", { token }),
    ({ status }) => status === 200,
    120_000,
  );
  return token;
}

/** A value of the release's Secret. */
export async function secretOf(name: string): Promise<string> {
  const encoded = await kubectl(
    ...["get", "secret", `${load.release}-secrets`, "--namespace", load.namespace],
    ...["--output", `jsonpath={.data.${name}}`],
  );
  return Buffer.from(encoded, "base64").toString();
}
