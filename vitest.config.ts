import { defineConfig } from "vitest/config";

// Where .ci/run wants the counts.
const json = process.env.VITEST_JSON;

export default defineConfig({
  test: {
    include: ["**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/.webstore/**"],
    reporters: json ? ["default", ["json", { outputFile: json }]] : ["default"],
    // One embedded PostgreSQL serves the whole run; it starts when the first test asks.
    globalSetup: ["services/kit/testing-global.ts"],
    hookTimeout: 60_000,
    testTimeout: 30_000,
  },
});
