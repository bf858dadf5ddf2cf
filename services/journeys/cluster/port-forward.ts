// Ways into pods, past the mesh: `kubectl port-forward` ends at the pod's own loopback, where no proxy stands. One is opened
// when it is first used, and kept until all are closed.

import { type ChildProcess, spawn } from "node:child_process";

type Forward = { readonly url: string; readonly process: ChildProcess };

const opened = new Map<string, Promise<Forward>>();

/** The address on this machine of a port of a pod. */
export async function forwarded(namespace: string, pod: string, port: number): Promise<string> {
  const target = `${namespace}/${pod}:${port}`;
  const forward = opened.get(target) ?? open(namespace, pod, port);
  if (!opened.has(target)) {
    opened.set(target, forward);
    // One that could not be opened, or has ended, is opened anew by whoever asks next.
    const forget = () => opened.delete(target);
    forward.then(({ process }) => process.once("exit", forget), forget);
  }
  return (await forward).url;
}

export async function closeForwards(): Promise<void> {
  for (const forward of opened.values()) (await forward.catch(() => undefined))?.process.kill();
  opened.clear();
}

function open(namespace: string, pod: string, port: number): Promise<Forward> {
  const args = ["port-forward", "--namespace", namespace, `pod/${pod}`, `:${port}`, "--address", "127.0.0.1"];
  const process = spawn("kubectl", args, { stdio: ["ignore", "pipe", "pipe"] });
  return new Promise((resolve, reject) => {
    let printed = "";
    const read = (chunk: Buffer) => {
      printed += chunk.toString();
      const local = /Forwarding from (127\.0\.0\.1:\d+)/.exec(printed)?.[1];
      if (local !== undefined) resolve({ url: `http://${local}`, process });
    };
    process.stdout.on("data", read);
    process.stderr.on("data", read);
    process.once("error", reject);
    process.once("exit", () =>
      reject(new Error(`kubectl port-forward to ${pod} ended: ${printed.slice(-500)}`)),
    );
  });
}
