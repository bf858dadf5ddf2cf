import { createRequire } from "node:module";
import { Registry } from "prom-client";
import { expect, onTestFinished, test, vi } from "vitest";
import { startAdminServer } from "./admin-server.ts";

async function pageOf(service: string): Promise<string> {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  const server = await startAdminServer({ host: "127.0.0.1", port: 0, registry, notReady: async () => [] });
  onTestFinished(() => server.stop());
  return (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
}

test("several services in a process each show its metrics, under their own name, and it is watched once", async () => {
  // As the library has it, which is no ES module.
  const watching = vi.spyOn(createRequire(import.meta.url)("node:perf_hooks"), "monitorEventLoopDelay");
  for (const service of ["cart", "orders", "cart"]) {
    const page = await pageOf(service);
    const metrics = [
      "process_cpu_seconds_total",
      "nodejs_eventloop_lag_p99_seconds",
      "nodejs_heap_size_total_bytes",
    ];
    for (const metric of metrics) {
      expect(page).toMatch(new RegExp(`^${metric}{service="${service}"} \\d`, "m"));
    }
  }
  expect(watching).toHaveBeenCalledTimes(1);
});
