// The partners' simulators in a thread of their own. They stand for other companies: what they need to
// compute is not the store's time, and the store's being busy does not make them slow.

import { isMainThread, parentPort, Worker } from "node:worker_threads";
import type { Env, Running } from "@webstore/kit";

type Order = { readonly name: string } & ({ readonly start: Env } | { readonly stop: true });
type Answer = { readonly name: string } & (
  | { readonly urls: Running["urls"] }
  | { readonly stopped: true }
  | { readonly failed: string }
);

const heap = { maxOldGenerationSizeMb: 96, maxYoungGenerationSizeMb: 16 };

export type PartnersThread = {
  /** `name` is the partner's, and its folder's. */
  start(name: string, env: Env): Promise<Running>;
  close(): Promise<void>;
};

export function openPartnersThread(): PartnersThread {
  const worker = new Worker(new URL(import.meta.url), { resourceLimits: heap });
  const waiting = new Map<string, { resolve: (answer: Answer) => void; reject: (error: Error) => void }>();
  worker.on("message", (answer: Answer) => {
    const asked = waiting.get(answer.name);
    waiting.delete(answer.name);
    if ("failed" in answer) asked?.reject(new Error(answer.failed));
    else asked?.resolve(answer);
  });
  worker.on("error", (error: Error) => {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  });
  const ask = (order: Order) =>
    new Promise<Answer>((resolve, reject) => {
      waiting.set(order.name, { resolve, reject });
      worker.postMessage(order);
    });
  return {
    async start(name, env) {
      const answer = await ask({ name, start: { ...env } });
      return {
        name,
        urls: "urls" in answer ? answer.urls : {},
        stop: async () => {
          await ask({ name, stop: true });
        },
      };
    },
    close: async () => {
      await worker.terminate();
    },
  };
}

if (!isMainThread) serve();

function serve() {
  const running = new Map<string, Running>();
  const carryOut = async (order: Order): Promise<Answer> => {
    if ("stop" in order) {
      await running.get(order.name)?.stop();
      return { name: order.name, stopped: true };
    }
    const { start }: { start: (env: Env) => Promise<Running> } = await import(`./${order.name}/main.ts`);
    const started = await start(order.start);
    running.set(order.name, started);
    return { name: order.name, urls: started.urls };
  };
  parentPort?.on("message", (order: Order) => {
    carryOut(order).then(
      (answer) => parentPort?.postMessage(answer),
      (error: unknown) => {
        const failed = error instanceof Error ? error.message : String(error);
        parentPort?.postMessage({ name: order.name, failed } satisfies Answer);
      },
    );
  });
}
