import { Outage } from "@webstore/kit";
import type { FastifyRequest } from "fastify";
import { expect, test } from "vitest";
import { admit, type Exchange } from "./exchange.ts";

const span = { traceId: "", spanId: "", traceparent: "", set() {}, end() {} };
const stranger: Exchange = {
  span,
  startedAtMs: 0,
  principal: { kind: "anonymous" },
  bearerToken: undefined,
  outage: undefined,
};
const shopper: Exchange = { ...stranger, principal: { kind: "user", userId: "ada", role: "user" } };

/** As much of a request as is looked at. */
const requestOf = (config: object, exchange: Exchange | null, is404 = false) =>
  ({ routeOptions: { config }, exchange, is404 }) as unknown as FastifyRequest;

test("a route that does not state who may use it is for staff", () => {
  expect(() => admit(requestOf({}, shopper))).toThrow(
    expect.objectContaining({ reason: "permission_denied" }),
  );
  expect(() => admit(requestOf({}, stranger))).toThrow(
    expect.objectContaining({ reason: "unauthenticated" }),
  );
  expect(() => admit(requestOf({}, null))).toThrow(expect.objectContaining({ reason: "unauthenticated" }));
});

test("where there is no route, there is nobody to keep out", () => {
  expect(() => admit(requestOf({}, stranger, true))).not.toThrow();
});

test("that the keys cannot be had is said as such, not as a bad token", () => {
  const outage = new Outage("identity", "the signing keys cannot be fetched");
  expect(() => admit(requestOf({ access: "user" }, { ...stranger, outage }))).toThrow(outage);
});
