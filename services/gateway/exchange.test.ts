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
  expect(() => admit(requestOf({}, shopper), undefined)).toThrow(
    expect.objectContaining({ reason: "permission_denied" }),
  );
  expect(() => admit(requestOf({}, stranger), undefined)).toThrow(
    expect.objectContaining({ reason: "unauthenticated" }),
  );
  expect(() => admit(requestOf({}, null), undefined)).toThrow(
    expect.objectContaining({ reason: "unauthenticated" }),
  );
});

test("where there is no route, there is nobody to keep out", () => {
  expect(() => admit(requestOf({}, stranger, true), undefined)).not.toThrow();
});

test("that the keys cannot be had is said as such, not as a bad token", () => {
  const outage = new Outage("identity", "the signing keys cannot be fetched");
  expect(() => admit(requestOf({ access: "user" }, { ...stranger, outage }), undefined)).toThrow(outage);
});

const partnerKey = "k".repeat(16);
const partnerRequest = (key: string | undefined) =>
  ({
    ...requestOf({ access: "partner" }, stranger),
    headers: { "x-internal-api-key": key },
  }) as FastifyRequest;

test.each([undefined, "", "k", "k".repeat(15), "k".repeat(17), `${"k".repeat(15)}K`])(
  "the key %j makes nobody a partner",
  (key) => {
    const refused = expect.objectContaining({ reason: "api_key_invalid" });
    expect(() => admit(partnerRequest(key), partnerKey)).toThrow(refused);
    expect(() => admit(partnerRequest(key), undefined)).toThrow(refused);
  },
);

test("the right key makes a partner, and being staff does not", () => {
  expect(() => admit(partnerRequest(partnerKey), partnerKey)).not.toThrow();
  const staff: Exchange = { ...stranger, principal: { kind: "user", userId: "grace", role: "admin" } };
  const request = { ...partnerRequest(undefined), exchange: staff } as FastifyRequest;
  expect(() => admit(request, partnerKey)).toThrow(expect.objectContaining({ reason: "api_key_invalid" }));
});
