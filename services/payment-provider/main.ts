// The payment provider's process. It stands for another company: it knows nothing of the store and
// carries none of its telemetry.

import { type Environment, readConfig } from "./config.ts";
import { openProvider } from "./provider.ts";
import { serveProvider } from "./server.ts";

export type Running = {
  readonly name: string;
  readonly urls: Record<string, string>;
  stop(): Promise<void>;
};

export async function start(env: Environment): Promise<Running> {
  const server = await serveProvider(openProvider(readConfig(env)));
  return { name: "payment-provider", urls: { http: server.url }, stop: server.stop };
}

if (import.meta.main) {
  try {
    const running = await start(process.env);
    console.log(`${running.name} ${running.urls.http}`);
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void running.stop());
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
