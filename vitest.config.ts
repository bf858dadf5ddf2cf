import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

// Where .ci/run wants the counts.
const json = process.env.VITEST_JSON;
const journeys = "services/journeys/**/*.test.ts";
const cluster = "services/journeys/cluster/**/*.test.ts";
const machine = "services/journeys/cluster/{load,scaling}.test.ts";
const onCluster = { fileParallelism: false, testTimeout: 600_000, hookTimeout: 600_000 };
const never = ["**/node_modules/**", "**/.webstore/**"];

export default defineConfig({
  test: {
    reporters: json ? ["default", ["json", { outputFile: json }]] : ["default"],
    // One embedded PostgreSQL serves the whole run; it starts when the first test asks.
    globalSetup: ["services/kit/testing-global.ts"],
    // Much of a test is waiting, so a small machine has room for a second one.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    hookTimeout: 60_000,
    testTimeout: 30_000,
    projects: [
      {
        extends: true,
        test: {
          name: "parts",
          include: ["**/*.test.ts"],
          exclude: [...never, journeys],
          sequence: { groupOrder: 0 },
        },
      },
      // Each of them runs whole stores: one after the other, and nothing beside them.
      {
        extends: true,
        test: {
          name: "journeys",
          include: [journeys],
          exclude: [...never, cluster],
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
      // On the cluster of the current context, where `skaffold run` has installed the store: npm run journey:cluster.
      {
        extends: true,
        test: {
          name: "cluster",
          include: [cluster],
          exclude: [...never, machine],
          ...onCluster,
          sequence: { groupOrder: 2 },
        },
      },
      // There, too, with the machine to themselves: npm run journey:load.
      {
        extends: true,
        test: {
          name: "load",
          include: [machine],
          exclude: never,
          ...onCluster,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
