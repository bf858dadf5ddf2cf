// Programs that run inside the cluster: in a container that is there anyway, or in a pod of their own that stands beside
// the release. What they ask of others is told as one JSON value, because whether somebody was let in is the question.

import { apply, kubectl, kubectlJson, main } from "./cluster.ts";
import { imageOf } from "./releases.ts";

export type Where = { readonly namespace: string; readonly pod: string; readonly container: string };

/** The one pod of a service, of the main release unless another is named. */
export async function podOf(
  service: string,
  { release, namespace }: { release: string; namespace: string } = main,
): Promise<Where> {
  const { items } = await kubectlJson<{
    items: readonly { readonly metadata: { readonly name: string; readonly deletionTimestamp?: string } }[];
  }>(
    ...["get", "pods", "--namespace", namespace, "--field-selector", "status.phase=Running"],
    ...["--selector", `app.kubernetes.io/instance=${release},app.kubernetes.io/name=${service}`],
  );
  const staying = items.find(({ metadata }) => metadata.deletionTimestamp === undefined);
  if (staying === undefined) throw new Error(`no pod of ${service} runs`);
  return { namespace, pod: staying.metadata.name, container: service };
}

/** Runs a module in the container, in the folder of its image's sources, and gives the JSON value that it prints last. */
export async function runIn<T>({ namespace, pod, container }: Where, program: string): Promise<T> {
  const printed = await kubectl(
    ...["exec", pod, "--namespace", namespace, "--container", container, "--"],
    ...["node", "--input-type=module", "--eval", program],
  );
  return JSON.parse(printed.trim().split("\n").at(-1) ?? "") as T;
}

export type Asked = {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly request?: Uint8Array;
};
export type Called = { readonly code: number; readonly details: string };

/** RPCs, one after the other, as the service whose pod it is. `marker` is how the callees' proxies name them in their logs. */
export function calls(from: Where, asked: readonly Asked[], marker: string): Promise<Called[]> {
  const all = asked.map(({ host, port, path, request }) => ({
    address: `${host}:${port}`,
    path,
    bytes: Buffer.from(request ?? []).toString("base64"),
  }));
  return runIn<Called[]>(
    from,
    `
    import { Client, credentials, Metadata } from "@grpc/grpc-js";
    const metadata = new Metadata();
    metadata.set("x-webstore-service", ${JSON.stringify(from.container)});
    if (process.env.INTERNAL_API_KEY) metadata.set("x-webstore-key", process.env.INTERNAL_API_KEY);
    const options = { "grpc.primary_user_agent": ${JSON.stringify(marker)} };
    const same = (bytes) => bytes;
    const answers = [];
    for (const { address, path, bytes } of ${JSON.stringify(all)}) {
      const client = new Client(address, credentials.createInsecure(), options);
      answers.push(await new Promise((resolve) => {
        const deadline = Date.now() + 20_000;
        client.makeUnaryRequest(path, same, same, Buffer.from(bytes, "base64"), metadata, { deadline },
          (error) => resolve({ code: error?.code ?? 0, details: error?.details ?? "" }));
      }));
      client.close();
    }
    console.log(JSON.stringify(answers));
    process.exit(0);
    `,
  );
}

export type Fetched =
  | { readonly status: number; readonly body: string }
  /** Nothing was answered; the code says at which layer: `ECONNREFUSED`, `ECONNRESET`. */
  | { readonly failed: string };

export function get(from: Where, url: string, headers: Readonly<Record<string, string>> = {}) {
  return runIn<Fetched>(
    from,
    `
    import { get } from "node:http";
    const say = (value) => { console.log(JSON.stringify(value)); process.exit(0); };
    get(${JSON.stringify(url)}, { headers: ${JSON.stringify(headers)}, timeout: 20_000 }, async (answer) => {
      let body = "";
      for await (const chunk of answer) body += chunk;
      say({ status: answer.statusCode, body: body.slice(0, 2000) });
    })
      .on("timeout", () => say({ failed: "timeout" }))
      .on("error", (error) => say({ failed: error.code ?? error.message }));
    `,
  );
}

/** Whether a TCP connection is made at all: `open`, or the code of why not. */
export function knock(from: Where, host: string, port: number) {
  return runIn<string>(
    from,
    `
    import { connect } from "node:net";
    const say = (value) => { console.log(JSON.stringify(value)); process.exit(0); };
    const socket = connect({ host: ${JSON.stringify(host)}, port: ${port}, timeout: 20_000 });
    socket.on("connect", () => say("open"));
    socket.on("timeout", () => say("timeout"));
    socket.on("error", (error) => say(error.code ?? error.message));
    `,
  );
}

/**
 * A pod without a sidecar that does nothing until it is told to, by a service's image. It is never ready, so that no
 * Service sends it anything, whatever labels it bears.
 */
export async function standBeside(is: {
  namespace: string;
  name: string;
  labels?: Readonly<Record<string, string>>;
}): Promise<Where> {
  const { namespace, name } = is;
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace, labels: { "sidecar.istio.io/inject": "false", ...is.labels } },
    spec: {
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 0,
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: "RuntimeDefault" } },
      containers: [
        {
          name: "bystander",
          image: await imageOf("cart"),
          command: ["node", "--eval", "setInterval(() => {}, 60_000)"],
          readinessProbe: { exec: { command: ["false"] }, periodSeconds: 60 },
          resources: { requests: { cpu: "5m", memory: "32Mi" }, limits: { memory: "192Mi" } },
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] },
          },
        },
      ],
    },
  };
  await apply(JSON.stringify(pod));
  await kubectl(
    ...["wait", "--for=jsonpath={.status.phase}=Running", `pod/${name}`, "--namespace", namespace],
    "--timeout=300s",
  );
  return { namespace, pod: name, container: "bystander" };
}

export async function sendAway({ namespace, pod }: Pick<Where, "namespace" | "pod">): Promise<void> {
  await kubectl("delete", "pod", pod, "--namespace", namespace, "--ignore-not-found", "--grace-period=0");
}

export type Logged = {
  readonly path?: string | null;
  readonly user_agent?: string | null;
  readonly response_code?: number;
  readonly response_code_details?: string | null;
  readonly upstream_cluster?: string | null;
  readonly upstream_host?: string | null;
};

/** What a pod's proxy logged of what came in with the marker; `upstream_host` is the process, if it was asked. */
export async function loggedBy({ namespace, pod }: Where, marker: string): Promise<Logged[]> {
  const log = await kubectl(
    ...["logs", pod, "--namespace", namespace, "--container", "istio-proxy", "--since=10m"],
  );
  return log
    .split("\n")
    .filter((line) => line.startsWith("{") && line.includes(marker))
    .map((line) => JSON.parse(line) as Logged)
    .filter(({ upstream_cluster: cluster }) => cluster?.startsWith("outbound|") !== true);
}
