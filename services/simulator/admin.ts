// The part of a simulator that no real company has: what it should do wrong, and a way back.
// It is never disturbed itself.

import { z } from "zod";
import { type Failures, failureRateShape, scenarioShape } from "./failures.ts";
import { type Route, refusal, route } from "./route.ts";

const resetShape = z.strictObject({
  /** Also forget everything that callers have stored. */
  data: z.boolean().default(false),
});

export const adminPrefix = "/admin/";

export function adminRoutes(failures: Failures, clearData: () => void): readonly Route[] {
  return [
    route({
      method: "GET",
      path: "/admin/failures",
      handle: () => ({ status: 200, body: failures.rate() }),
    }),
    route({
      method: "PUT",
      path: "/admin/failures",
      body: failureRateShape,
      handle({ body }) {
        failures.setRate(body);
        return { status: 200, body: failures.rate() };
      },
    }),
    route({
      method: "GET",
      path: "/admin/scenarios",
      handle: () => ({ status: 200, body: { scenarios: failures.scenarios() } }),
    }),
    route({
      method: "POST",
      path: "/admin/scenarios",
      body: scenarioShape,
      handle({ body }) {
        if (failures.addScenario(body)) return { status: 201, body };
        return refusal(409, "too_many_scenarios", "Use up or reset those that wait.");
      },
    }),
    route({
      method: "POST",
      path: "/admin/reset",
      body: resetShape,
      handle({ body }) {
        failures.reset();
        if (body.data) clearData();
        return { status: 200, body: { status: "reset" } };
      },
    }),
    // For probes: it answers while the process serves, whatever failures are on.
    route({ method: "GET", path: "/admin/health", handle: () => ({ status: 200, body: { status: "ok" } }) }),
  ];
}
