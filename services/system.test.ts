// The services as a system: what one definition says of another must be what that one says of itself.

import type { ServiceDefinition } from "@webstore/kit";
import { expect, test } from "vitest";
import { system } from "./system.ts";

const services = system.flatMap(({ is }) =>
  is.kind === "service" ? [is as unknown as ServiceDefinition] : [],
);

test("whom a definition calls is there, under the name, the contract and the port that it gives itself", () => {
  const wrong = services.flatMap(({ name, calls }) =>
    Object.values(calls).flatMap((use) => {
      const callee = services.find((each) => each.name === use.service);
      const isRight = callee?.serves === use.contract && callee.ports.rpc === use.port;
      return isRight ? [] : [`${name} calls ${use.service} on ${use.port}`];
    }),
  );
  expect(wrong).toEqual([]);
});

test("no two services listen on one port", () => {
  const ports = system.flatMap(({ is }) => (is.kind === "partner" ? [is.port] : Object.values(is.ports)));
  expect(new Set(ports).size).toBe(ports.length);
});

test("what is consumed is published by somebody, or is where dead letters go", () => {
  const published = new Set(services.flatMap(({ publishes }) => publishes));
  const unknown = services.flatMap(({ name, consumes }) =>
    consumes
      .filter(({ topic }) => !published.has(topic) && !topic.endsWith("-dlq"))
      .map(({ topic }) => `${name}: ${topic}`),
  );
  expect(unknown).toEqual([]);
});
