import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/.webstore/**"],
    // One embedded PostgreSQL serves the whole run; it starts when the first test asks.
    globalSetup: ["services/kit/testing-global.ts"],
    hookTimeout: 60_000,
    testTimeout: 30_000,
  },
});
