#!/usr/bin/env node
// npm run drift: compares the calls that a release's proxies saw with the ones that the definitions declare.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { system } from "../services/system.ts";
import { type Declared, driftOf, driftReport } from "./drift.ts";
import { type Observed, observedIn } from "./observed-edges.ts";

const help = `npm run drift -- --release <name> --namespace <namespace> [SERVICE=FILE…]

Compares the calls that the mesh saw with the ones that the definitions declare. It asks the proxy of every pod of the
release for its counters, by kubectl; with SERVICE=FILE it reads what is in the files instead: counters
(\`:15090/stats/prometheus\`, or \`pilot-agent request GET stats\`), or an access log in JSON, of SERVICE's proxy. FILE - is standard input.

  --release <name>      the release, as helm calls it
  --namespace <name>    where it is
  --context <name>      kubectl's context; without it the current one
  --stores <names>      members of the release that every service may use (default: postgres,redis,mongodb,kafka,mailpit)
  --platform <names>    namespaces that every service may use (default: istio-system,observability)

Exit status: 0 nothing undeclared, 1 a call that is not declared, 2 not understood or not to be read.
`;

const proxy = "istio-proxy";
const kubectlTimeoutMs = 30_000;
const outputBytesMax = 64 * 1024 * 1024;

type Options = { release: string; namespace: string; context: string | undefined };
type Container = { readonly name: string };
type Pod = {
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec: {
    readonly containers: readonly Container[];
    readonly initContainers?: readonly Container[];
  };
  readonly status?: { readonly phase?: string };
};

function kubectl({ context, namespace }: Options, args: readonly string[]): string {
  const where = [...(context === undefined ? [] : ["--context", context]), "--namespace", namespace];
  return execFileSync("kubectl", [...where, ...args], {
    encoding: "utf8",
    timeout: kubectlTimeoutMs,
    maxBuffer: outputBytesMax,
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** It stands beside the service, or, in a cluster that knows sidecars, among the containers that start before it. */
function hasProxy({ spec: { containers, initContainers = [] } }: Pod): boolean {
  return [...containers, ...initContainers].some(({ name }) => name === proxy);
}

function fromCluster(options: Options): Observed[] {
  const selector = `app.kubernetes.io/instance=${options.release}`;
  const { items } = JSON.parse(
    kubectl(options, ["get", "pods", "--selector", selector, "--output", "json"]),
  ) as {
    items: readonly Pod[];
  };
  const running = items.filter(({ status }) => status?.phase === "Running");
  const [inMesh, outside] = [running.filter(hasProxy), running.filter((pod) => !hasProxy(pod))];
  for (const { metadata } of outside) process.stderr.write(`drift: ${metadata.name} has no proxy to ask\n`);
  if (inMesh.length === 0) throw new Error(`no pod of ${options.release} runs in ${options.namespace}`);
  return inMesh.flatMap(({ metadata: { name, labels } }) => {
    const counters = ["exec", name, "--container", proxy, "--", "pilot-agent", "request", "GET", "stats"];
    return observedIn(labels?.["app.kubernetes.io/name"] ?? name, kubectl(options, counters));
  });
}

function fromFiles(files: readonly string[]): Observed[] {
  return files.flatMap((each) => {
    const [, caller, file] = /^([a-z0-9-]+)=(.+)$/.exec(each) ?? [];
    if (caller === undefined || file === undefined) throw new Error(`${each} is not SERVICE=FILE`);
    return observedIn(caller, readFileSync(file === "-" ? 0 : file, "utf8"));
  });
}

function main(): number {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      help: { type: "boolean", short: "h" },
      release: { type: "string" },
      namespace: { type: "string" },
      context: { type: "string" },
      stores: { type: "string", default: "postgres,redis,mongodb,kafka,mailpit" },
      platform: { type: "string", default: "istio-system,observability" },
    },
  });
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  const { release, namespace, context } = values;
  if (release === undefined || namespace === undefined)
    throw new Error("--release and --namespace are needed");
  const declared: Declared = {
    services: system.flatMap(({ is }) => (is.kind === "service" ? [is] : [])),
    stores: values.stores.split(","),
    others: [{ caller: "payment-provider", callee: "gateway" }],
    platform: values.platform.split(","),
  };
  const observed =
    positionals.length > 0 ? fromFiles(positionals) : fromCluster({ release, namespace, context });
  const drift = driftOf(observed, declared, { nameOf: (member) => `${release}-${member}`, namespace });
  process.stdout.write(driftReport(drift));
  return drift.undeclared.length === 0 ? 0 : 1;
}

try {
  process.exitCode = main();
} catch (error) {
  process.stderr.write(`drift: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
