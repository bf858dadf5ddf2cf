// When a call is repeated and when it is not sent at all, counted at the callee over real gRPC.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CartServiceDefinition, type GetCartResponse } from "@webstore/proto/cart/v1";
import { IdentityServiceDefinition } from "@webstore/proto/identity/v1";
import { describe, expect, test } from "vitest";
import { PostgresUnavailable } from "./postgres-errors.ts";
import { defineRefusals, Outage } from "./refusal.ts";
import { atEnd, clientOf, serve, within } from "./testing-rpc.ts";

const cart = CartServiceDefinition;
const productId = "3f2b8c1e-1234-4abc-8def-1234567890ab";
const item = { customerId: "", productId, quantity: 1 };
const emptyCart: GetCartResponse = { cart: undefined };

describe("repeating", () => {
  /** Fails so many times, then answers. */
  async function flaky(failures: number, how: () => Error = () => new Outage("postgres", "gone")) {
    const calls = { count: 0 };
    const answer = async () => {
      calls.count += 1;
      if (calls.count <= failures) throw how();
      return { cart: undefined };
    };
    const served = await serve(cart, { getCart: answer, addItem: answer });
    return { served, calls };
  }

  test("what has no side effects is repeated when the callee is unavailable", async () => {
    const { served, calls } = await flaky(2);
    await clientOf(served, { attemptsMax: 3 }).client.getCart({ customerId: "" });
    expect(calls.count).toBe(3);
  });

  test("no more often than `attemptsMax`", async () => {
    const { served, calls } = await flaky(10);
    await expect(clientOf(served, { attemptsMax: 3 }).client.getCart({ customerId: "" })).rejects.toThrow(
      /UNAVAILABLE/,
    );
    expect(calls.count).toBe(3);
  });

  test("what is idempotent is repeated only under a key", async () => {
    const without = await flaky(1);
    await expect(clientOf(without.served, { attemptsMax: 3 }).client.addItem(item)).rejects.toThrow();
    expect(without.calls.count).toBe(1);
    const under = await flaky(1);
    const { client } = clientOf(under.served, { attemptsMax: 3 });
    await within({ idempotencyKey: "key-1" }, () => client.addItem(item));
    expect(under.calls.count).toBe(2);
  });

  test("what is neither is never repeated, key or not", async () => {
    let calls = 0;
    const served = await serve(IdentityServiceDefinition, {
      login: () => Promise.reject(new Outage("postgres", `gone ${++calls}`)),
    });
    const { client } = clientOf(served, { attemptsMax: 3 });
    const login = () => client.login({ username: "ada", password: "webstore-demo" });
    await within({ idempotencyKey: "key-1" }, () => expect(login()).rejects.toThrow());
    expect(calls).toBe(1);
  });

  test.each<[string, () => Error]>([
    ["a bug", () => new Error("bug")],
    [
      "a refusal",
      () =>
        defineRefusals("cart", { no: { code: "UNAVAILABLE", caller: "No.", operator: "-" } }).refuse("no"),
    ],
  ])("%s is not repeated", async (_what, how) => {
    const { served, calls } = await flaky(1, how);
    await expect(clientOf(served, { attemptsMax: 3 }).client.getCart({ customerId: "" })).rejects.toThrow();
    expect(calls.count).toBe(1);
  });

  test("a callee that is not there is tried again, and known not to have got the request", async () => {
    const served = await serve(cart);
    await served.drain(0);
    await expect(
      clientOf(served, { attemptsMax: 2 }).client.getCart({ customerId: "" }),
    ).rejects.toMatchObject({
      name: "Outage",
      notSent: true,
    });
  });

  test("retries stay within a fifth of the requests", async () => {
    const { served, calls } = await flaky(10_000);
    const { client } = clientOf(served, { attemptsMax: 5 });
    for (let index = 0; index < 100; index += 1) await client.getCart({ customerId: "" }).catch(() => {});
    // 100 requests, 10 saved up, 20 earned.
    expect(calls.count).toBeGreaterThan(120);
    expect(calls.count).toBeLessThanOrEqual(130);
  });

  test("in a mesh the proxy does it, and this client neither repeats nor breaks", async () => {
    const { served, calls } = await flaky(100);
    const policy = { attemptsMax: 3, breaker: { failures: 2, coolDownMs: 60_000 } };
    const { client } = clientOf(served, policy, { mesh: "istio" });
    for (let index = 0; index < 5; index += 1) await client.getCart({ customerId: "" }).catch(() => {});
    expect(calls.count).toBe(5);
  });

  test("no time is spent on waiting that the deadline does not allow", async () => {
    const { served, calls } = await flaky(10);
    const deadlineAtMs = Date.now() + 5_000;
    // The first wait is just under 50 ms.
    const parts = { random: () => 0.999, nowMs: () => deadlineAtMs - 40 };
    const { client } = clientOf(served, { attemptsMax: 3 }, parts);
    await within({ deadlineAtMs }, () => expect(client.getCart({ customerId: "" })).rejects.toThrow());
    expect(calls.count).toBe(1);
  });
});

describe("the breaker", () => {
  const breaker = { failures: 5, coolDownMs: 150 };
  const outage = () => new PostgresUnavailable("gone");

  async function breakable() {
    const state = { failing: true, calls: 0, error: outage as () => Error };
    const served = await serve(cart, {
      getCart: async () => {
        state.calls += 1;
        if (state.failing) throw state.error();
        return emptyCart;
      },
    });
    const opened = clientOf(served, { breaker });
    const ask = () => opened.client.getCart({ customerId: "" });
    return { state, ask, breaker: opened.breaker };
  }

  test("opens after 5 outages in a row, lets one try after the pause, and closes when that succeeds", async () => {
    const { state, ask, breaker } = await breakable();
    for (let index = 0; index < 5; index += 1) await expect(ask()).rejects.toThrow(/UNAVAILABLE/);
    expect(breaker.state()).toBe(2);
    await expect(ask()).rejects.toMatchObject({
      message: expect.stringContaining("breaker is open"),
      notSent: true,
    });
    expect(state.calls).toBe(5);

    state.failing = false;
    await expect.poll(ask, { interval: 20, timeout: 5_000 }).toEqual(emptyCart);
    expect(state.calls).toBe(6);
    expect(breaker.state()).toBe(0);
    await ask();
    expect(state.calls).toBe(7);
  });

  test("opens again when the one try fails", async () => {
    const { state, ask } = await breakable();
    for (let index = 0; index < 5; index += 1) await ask().catch(() => {});
    const message = () => ask().catch((error: Error) => error.message);
    await expect.poll(message, { interval: 20, timeout: 5_000 }).toMatch(/UNAVAILABLE/);
    expect(state.calls).toBe(6);
    expect(await message()).toMatch(/breaker is open/);
  });

  test("a refusal is an answer: it never opens it, and it ends a row of outages", async () => {
    const { state, ask, breaker } = await breakable();
    const refusal = defineRefusals("cart", { no: { code: "NOT_FOUND", caller: "No.", operator: "-" } });
    for (let index = 0; index < 12; index += 1) {
      state.error = index % 4 === 3 ? () => refusal.refuse("no") : outage;
      await ask().catch(() => {});
    }
    expect(breaker.state()).toBe(0);
    expect(state.calls).toBe(12);
  });

  test("word of somebody behind the callee who does not answer is an answer of the callee", async () => {
    const { state, ask, breaker } = await breakable();
    state.error = () => new Outage("payment-provider", "has not answered yet");
    for (let index = 0; index < 12; index += 1) await expect(ask()).rejects.toThrow(/UNAVAILABLE/);
    expect(breaker.state()).toBe(0);
    expect(state.calls).toBe(12);
  });

  test("callers who go away do not open it: that is not the callee's failure", async () => {
    const served = await serve(cart, { getCart: () => new Promise(() => {}) });
    const opened = clientOf(served, { breaker });
    for (let index = 0; index < 6; index += 1) {
      const gone = new AbortController();
      const asked = within({ signal: gone.signal }, () => opened.client.getCart({ customerId: "" }));
      gone.abort();
      await expect(asked).rejects.toMatchObject({ name: "Cancelled" });
    }
    expect(opened.breaker.state()).toBe(0);
  });
});

describe("a callee that does not listen", () => {
  const breaker = { failures: 5, coolDownMs: 60_000 };
  const starting = { startupGraceMs: 60_000 };
  const empty = { customerId: "" };

  /** A place where nobody listens before `listen` is called. */
  function absent() {
    const folder = mkdtempSync(join(tmpdir(), "webstore-absent-"));
    atEnd(() => rmSync(folder, { recursive: true }));
    const socket = join(folder, "rpc.sock");
    const definition = { name: "callee", serves: cart, ports: { rpc: 0 } };
    const listen = () => serve(cart, { getCart: async () => emptyCart }, { socket });
    return { address: `unix:${socket}`, definition, listen };
  }

  test("is an outage at once, in which nothing was sent", async () => {
    const { client } = clientOf(absent());
    await expect(client.getCart(empty)).rejects.toMatchObject({ name: "Outage", notSent: true });
  });

  test("is waited for while the caller starts, and opens no breaker", async () => {
    const place = absent();
    const patient = clientOf(place, { breaker }, starting);
    const asked = Array.from({ length: 6 }, () => patient.client.getCart(empty));
    const { client } = clientOf(place);
    await expect(client.getCart(empty)).rejects.toMatchObject({ notSent: true });
    expect(patient.breaker.state()).toBe(0);
    await place.listen();
    expect(await Promise.all(asked)).toEqual(asked.map(() => emptyCart));
  });

  test("is waited for no longer than a call may take, and nothing was sent then either", async () => {
    const { client } = clientOf(absent(), { timeoutMs: 150 }, starting);
    await expect(client.getCart(empty)).rejects.toMatchObject({
      name: "Outage",
      notSent: true,
      message: expect.stringContaining("DEADLINE_EXCEEDED"),
    });
    const deadlineAtMs = Date.now() + 50;
    const asked = () => expect(client.getCart(empty)).rejects.toMatchObject({ name: "DeadlineExceeded" });
    await within({ deadlineAtMs }, asked);
  });

  test("is an outage at once again when the caller has started", async () => {
    let startedMs = 0;
    const nowMs = () => Date.now() + startedMs;
    const { client } = clientOf(absent(), {}, { ...starting, nowMs });
    startedMs = starting.startupGraceMs;
    await expect(client.getCart(empty)).rejects.toMatchObject({
      notSent: true,
      message: expect.stringContaining("UNAVAILABLE"),
    });
  });
});
