import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/.webstore/**"],
    // One embedded PostgreSQL serves a whole file; starting it takes longer than most tests.
    hookTimeout: 60_000,
    testTimeout: 30_000,
  },
});
