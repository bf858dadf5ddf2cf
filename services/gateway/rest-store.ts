// REST: what the store says about itself.

import { z } from "zod";
import type { Ports } from "./definition.ts";
import { type Route, route } from "./route.ts";

const jwksForMs = 60_000;

export function storeRoutes(parts: {
  ports: Pick<Ports, "identity">;
  nowMs: () => number;
  /** Where `/` leads; undefined: nowhere. */
  home: string | undefined;
}): Route[] {
  const jwks = remembered(
    async () => (await parts.ports.identity.getJwks({})).jwksJson,
    jwksForMs,
    parts.nowMs,
  );
  const home = parts.home;
  return [
    route("health", {
      tag: "store",
      summary: "Whether the gateway answers.",
      answers: { 200: { description: "It does.", schema: z.strictObject({ status: z.literal("ok") }) } },
      refusals: [],
      handle: async () => ({ status: 200, headers: { "cache-control": "no-store" }, body: { status: "ok" } }),
    }),
    route("getJwks", {
      tag: "store",
      summary: "The public keys that verify access tokens (RFC 7517).",
      answers: {
        200: { description: "A JSON Web Key Set.", schema: z.object({ keys: z.array(z.looseObject({})) }) },
      },
      refusals: [],
      handle: async () => ({
        status: 200,
        headers: {
          "cache-control": `public, max-age=${jwksForMs / 1_000}`,
          "content-type": "application/json",
        },
        bytes: Buffer.from(await jwks()),
      }),
    }),
    ...(home === undefined ? [] : [homeRoute(home)]),
  ];
}

function homeRoute(home: string): Route {
  return route("home", {
    tag: "store",
    summary: "Leads to a page for people.",
    answers: { 302: { description: "There." } },
    refusals: [],
    handle: async () => ({ status: 302, headers: { location: home } }),
  });
}

/** Asks once for everybody who waits; an answer is kept for `forMs`, a failure not at all. */
function remembered<T>(ask: () => Promise<T>, forMs: number, nowMs: () => number): () => Promise<T> {
  let known: { answer: Promise<T>; untilMs: number } | undefined;
  return () => {
    if (known !== undefined && known.untilMs > nowMs()) return known.answer;
    const asked = { answer: ask(), untilMs: nowMs() + forMs };
    known = asked;
    asked.answer.catch(() => {
      if (known === asked) known = undefined;
    });
    return asked.answer;
  };
}
