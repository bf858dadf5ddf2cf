// The fake of a service over real gRPC, for the tests of who calls it: the handlers are the fake's, everything in front
// of them (who may call, which values a field accepts, deadlines) is what the real service has.

import type { AdminRoute } from "./admin-server.ts";
import type { Env } from "./config.ts";
import type { HandlersOf, ServiceDefinition } from "./definition.ts";
import { type Running, service } from "./service.ts";

/** Nobody publishes keys there: for tests that know the demo's tokens only. */
export const testJwksUrl = "http://127.0.0.1:1/";

const anyPort = {
  RPC_PORT: "0",
  ADMIN_PORT: "0",
  INTERNAL_API_KEY: "test-internal-key",
  JWKS_URL: testJwksUrl,
  DEMO_TOKENS: "true",
  LOG_LEVEL: "silent",
  // A test may leave a call unanswered.
  DRAIN_GRACE_MS: "100",
};

export function serveFake<D extends ServiceDefinition>(
  definition: D,
  handlers: HandlersOf<D["serves"]>,
  env: Env = {},
  adminRoutes: Readonly<Record<string, AdminRoute>> = {},
): Promise<Running> {
  // It keeps nothing and calls nobody.
  const alone = { ...definition, calls: {}, partners: {}, stores: {}, publishes: [], consumes: [] };
  return service(alone, { start: async () => ({ handlers, adminRoutes }) }).start({ ...anyPort, ...env });
}
