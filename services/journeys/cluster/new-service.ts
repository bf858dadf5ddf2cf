// A service that `webstore new` has just made, in a copy of this checkout: its image on the cluster, and the store's charts with
// its own among them.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { copyCheckout, works } from "../checkout-copy.ts";
import { kubectl, must } from "./cluster.ts";

export type NewService = {
  readonly name: string;
  readonly ports: { readonly rpc: number };
  /** The contract's full name. */
  readonly contract: string;
  /** The folder of the umbrella chart, with its dependencies built. */
  readonly umbrella: string;
  /** Of the umbrella: where its image is. */
  readonly settings: readonly string[];
  /** What it brings, as kubectl names the kinds. */
  readonly kinds: readonly string[];
  remove(): void;
};

const name = "gift-cards";
const tag = "journey";
const within = (minutes: number) => ({ timeoutMs: minutes * 60_000 });

export async function makeService(): Promise<NewService> {
  const copy = await copyCheckout();
  const remove = () => rmSync(copy, { recursive: true, force: true });
  try {
    const made = JSON.parse(await works(copy, process.execPath, "cli/main.ts", "new", name, "--json"));
    // As skaffold would, which builds the images of all the others, too.
    const image = `webstore-${name}:${tag}`;
    await must("docker", ["build", "--build-arg", `SERVICE=${name}`, "--tag", image, copy], within(10));
    const cluster = (await kubectl("config", "current-context")).trim().replace(/^kind-/, "");
    await must("kind", ["load", "docker-image", image, "--name", cluster], within(5));
    const umbrella = join(copy, "charts/webstore");
    await must("helm", ["dependency", "build", "--skip-refresh", umbrella]);
    return {
      name,
      ports: made.ports,
      contract: `${made.package}.GiftCardsService`,
      umbrella,
      settings: [`${name}.image.repository=docker.io/library/webstore-${name}`, `${name}.image.tag=${tag}`],
      kinds: [
        ...["serviceaccount", "service", "networkpolicy", "poddisruptionbudget"],
        ...["authorizationpolicy", "destinationrule", "peerauthentication", "sidecar", "virtualservice"],
      ],
      remove,
    };
  } catch (error) {
    remove();
    throw error;
  }
}
