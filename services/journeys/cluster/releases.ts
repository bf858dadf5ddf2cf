// Releases of a journey's own: the charts as they are in the repository, and the images that the main release runs. The
// charts are copied first, because building an umbrella writes into its folder, and another journey may read there.

import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { kubectl, main, must, root } from "./cluster.ts";

export type Charts = {
  /** The folder of the umbrella, with its dependencies built. */
  readonly umbrella: string;
  /** Files of values, by the name that they have in `ci/` without its ending. */
  readonly valuesOf: Readonly<Record<string, string>>;
  remove(): Promise<void>;
};

export async function builtCharts(): Promise<Charts> {
  const folder = await mkdtemp(join(tmpdir(), "webstore-charts-"));
  await cp(join(root, "charts"), folder, { recursive: true });
  const umbrella = join(folder, "webstore");
  await must("helm", ["dependency", "build", "--skip-refresh", umbrella]);
  const files = await readdir(join(umbrella, "ci"));
  return {
    umbrella,
    valuesOf: Object.fromEntries(
      files.map((file) => [file.replace(/-values\.yaml$/, ""), join(umbrella, "ci", file)]),
    ),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

type Image = { readonly repository: string; readonly tag: string };
type MemberValues = { readonly image?: Image };

/** What the main release's values say of images, as values for another one. */
export async function imagesOfMain(): Promise<string> {
  const printed = await must("helm", [
    ...["get", "values", main.release, "--namespace", main.namespace, "--output", "json"],
  ]);
  const values = JSON.parse(printed) as Record<string, MemberValues>;
  const images = Object.entries(values).flatMap(([member, { image }]) =>
    image?.repository === undefined ? [] : [[member, { image }] as const],
  );
  return JSON.stringify(Object.fromEntries(images));
}

/** The image that one of the main release's services runs, for a pod beside it. */
export function imageOf(service: string): Promise<string> {
  return kubectl(
    ...["get", "deployment", `${main.release}-${service}`, "--namespace", main.namespace],
    ...["--output", "jsonpath={.spec.template.spec.containers[0].image}"],
  );
}
