// The partners' own lists, read past the mesh and past the store: by kubectl's port forwarding, into their pods.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readPartners } from "../partners.ts";
import { load, secretOf } from "./load-release.ts";

const forwardWithinMs = 30_000;
const ports = { "payment-provider": 3001, inventory: 3003, crm: 3002 } as const;

export type PartnersOfLoad = {
  readonly partners: ReturnType<typeof readPartners>;
  close(): Promise<void>;
};

/** Their pods must stay the same while it is open. */
export async function openPartners(): Promise<PartnersOfLoad> {
  const [provider, inventory, crm] = await Promise.all([
    forward("payment-provider"),
    forward("inventory"),
    forward("crm"),
  ]);
  const partners = readPartners({
    providerUrl: provider.url,
    inventoryUrl: inventory.url,
    crmUrl: crm.url,
    providerKey: await secretOf("STRIPE_API_KEY"),
  });
  return {
    partners,
    close: async () => {
      await Promise.all([provider, inventory, crm].map(({ child }) => ended(child)));
    },
  };
}

async function forward(partner: keyof typeof ports): Promise<{ url: string; child: ChildProcess }> {
  const child = spawn(
    "kubectl",
    [
      ...["port-forward", "--namespace", load.namespace],
      ...[`pod/${load.release}-${partner}-0`, `:${ports[partner]}`],
    ],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  let said = "";
  const url = await new Promise<string>((resolve, reject) => {
    const late = setTimeout(
      () => reject(new Error(`no way to ${partner}'s pod: ${said}`)),
      forwardWithinMs,
    ).unref();
    const hear = (chunk: Buffer) => {
      said += chunk;
      const port = /127\.0\.0\.1:(\d+) ->/.exec(said)?.[1];
      if (port === undefined) return;
      clearTimeout(late);
      resolve(`http://127.0.0.1:${port}`);
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.once("exit", () => reject(new Error(`kubectl port-forward to ${partner} ended: ${said}`)));
  });
  return { url, child };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGTERM");
  await exit;
}
