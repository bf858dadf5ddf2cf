import { Cancelled, DeadlineExceeded, Outage } from "@webstore/kit";
import { expect, test } from "vitest";
import { problemOf } from "./problem.ts";

const at = { instance: "/cart", traceId: "4bf92f3577b34da6a3ce929d0e0e4736" };

test.each([
  ["does not answer", new Outage("catalog", "catalog: connection refused")],
  ["answers too late", new DeadlineExceeded("catalog: the caller's deadline has passed")],
])("a service that %s is 503, which may be tried again", (_, error) => {
  const { problem, headers } = problemOf(error, at);
  expect(problem).toMatchObject({ status: 503, reason: "unavailable", trace_id: at.traceId });
  expect(Number(headers["retry-after"])).toBeGreaterThan(0);
});

test("a bug is 500, and its message stays inside", () => {
  const { problem } = problemOf(new Error("select * from cards"), at);
  expect(problem).toMatchObject({ status: 500, reason: "internal" });
  expect(JSON.stringify(problem)).not.toContain("cards");
});

test("a request whose caller has hung up is nobody's failure", () => {
  const { problem, unexpected } = problemOf(new Cancelled("catalog: cancelled"), at);
  expect(problem).toMatchObject({ status: 499, reason: "cancelled" });
  expect(unexpected).toBe(false);
});
