// The kit's server and client over real gRPC: what goes over, what comes back, and for how long.

import { connect } from "node:net";
import { status } from "@grpc/grpc-js";
import { CartServiceDefinition, type GetCartResponse } from "@webstore/proto/cart/v1";
import { describe, expect, test } from "vitest";
import { currentContext, type RequestContext } from "./context.ts";
import { defineRefusals, Outage, Refusal } from "./refusal.ts";
import { unrecordedTelemetry } from "./telemetry.ts";
import { clientOf, latch, raw, serve, testInternalKey, within } from "./testing-rpc.ts";

const cart = CartServiceDefinition;
const productId = "3f2b8c1e-1234-4abc-8def-1234567890ab";
const item = { customerId: "", productId, quantity: 1 };
const emptyCart: GetCartResponse = { cart: undefined };

describe("what comes back", () => {
  const refusals = defineRefusals("cart", {
    quantity_too_large: { code: "FAILED_PRECONDITION", caller: "At most 99 of one product.", operator: "-" },
  });

  test("a refusal arrives as it was thrown, through one service and through two", async () => {
    const thrown = refusals.refuse("quantity_too_large", { quantityMax: "99" });
    const callee = await serve(cart, { addItem: () => Promise.reject(thrown) });
    const { client: inner } = clientOf(callee);
    const middle = await serve(cart, { addItem: inner.addItem as never });
    for (const served of [callee, middle]) {
      const refusal = await clientOf(served)
        .client.addItem(item)
        .catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(Refusal);
      expect(refusal).toMatchObject({
        service: "cart",
        reason: "quantity_too_large",
        code: "FAILED_PRECONDITION",
        message: "At most 99 of one product.",
        details: { quantityMax: "99" },
      });
    }
  });

  test("a request that the contract does not allow names its fields, and the handler never sees it", async () => {
    let handled = 0;
    const served = await serve(cart, { addItem: async () => ({ cart: undefined, handled: ++handled }) });
    const bad = { customerId: "x", productId: "", quantity: 100 };
    await expect(clientOf(served).client.addItem(bad)).rejects.toMatchObject({
      service: "kit",
      reason: "invalid_request",
      code: "INVALID_ARGUMENT",
      violations: [
        { field: "customer_id", description: "must be a UUID in lower case" },
        { field: "product_id", description: "is required" },
        { field: "quantity", description: "must be at most 99" },
      ],
    });
    expect(handled).toBe(0);
  });

  test("a hundred violations are cut, so that the status itself is not lost", async () => {
    const served = await serve(cart);
    const lines = Array.from({ length: 100 }, () => ({ productId: "x", quantity: 0 }));
    const refused = clientOf(served).client.clearOrderedLines({
      customerId: productId,
      orderId: productId,
      lines,
    });
    const error = (await refused.catch((thrown: unknown) => thrown)) as Refusal;
    expect(error.reason).toBe("invalid_request");
    expect(error.violations).toHaveLength(20);
  });

  test("an unknown error is INTERNAL with the trace to look for, and not a word of its own", async () => {
    const served = await serve(cart, {
      getCart: () => Promise.reject(new Error("relation carts of postgres://user:secret@db does not exist")),
    });
    const traceId = "a".repeat(32);
    const answer = await raw(served, "/webstore.cart.v1.CartService/GetCart", {
      metadata: { "x-webstore-key": testInternalKey, traceparent: `00-${traceId}-${"b".repeat(16)}-01` },
    });
    expect(answer.code).toBe(status.INTERNAL);
    expect(answer.details).toBe(`Something went wrong here (trace ${traceId})`);
    await expect(clientOf(served).client.getCart({ customerId: "" })).rejects.toMatchObject({
      name: "Outage",
      peer: "callee",
    });
  });

  test("an outage behind the callee is UNAVAILABLE, and names nobody", async () => {
    const served = await serve(cart, {
      getCart: () => Promise.reject(new Outage("postgres", "10.0.0.7 is gone")),
    });
    const answer = await raw(served, "/webstore.cart.v1.CartService/GetCart", {
      metadata: { "x-webstore-key": testInternalKey },
    });
    expect(answer).toMatchObject({ code: status.UNAVAILABLE });
    expect(answer.details).toMatch(/^Not available right now \(trace [0-9a-f]{32}\)$/);
  });

  test.each([
    ["bytes that are no message", { bytes: Buffer.from([0xff, 0xff, 0xff]) }, [status.INTERNAL]],
    ["a body of 8 MiB", { bytes: Buffer.alloc(8 * 1024 * 1024) }, [status.RESOURCE_EXHAUSTED]],
    [
      "a key of 256 characters",
      { metadata: { "idempotency-key": "k".repeat(256) } },
      [status.INVALID_ARGUMENT],
    ],
    [
      "headers of 100 KiB",
      { metadata: { "x-large": "k".repeat(100_000) } },
      [status.RESOURCE_EXHAUSTED, status.INTERNAL, status.UNAVAILABLE, status.CANCELLED],
    ],
  ])("%s are refused, and the server goes on", async (_what, is: Parameters<typeof raw>[2], codes) => {
    let handled = 0;
    const served = await serve(cart, {
      getCart: async () => {
        handled += 1;
        return emptyCart;
      },
    });
    const path = "/webstore.cart.v1.CartService/GetCart";
    const metadata = { "x-webstore-key": testInternalKey, ...is?.metadata };
    expect(codes).toContain((await raw(served, path, { ...is, metadata })).code);
    expect(handled).toBe(0);
    expect((await raw(served, path, { metadata: { "x-webstore-key": testInternalKey } })).code).toBe(
      status.OK,
    );
  });

  test("an unknown method is UNIMPLEMENTED", async () => {
    const served = await serve(cart);
    expect((await raw(served, "/webstore.cart.v1.CartService/DropCart")).code).toBe(status.UNIMPLEMENTED);
  });

  test("what is not HTTP/2 is cut off, and the server goes on", async () => {
    const served = await serve(cart);
    await new Promise<void>((resolve) => {
      const socket = connect(served.port, "127.0.0.1", () => socket.write("GET / HTTP/1.1\r\n\r\n"));
      socket.on("close", () => resolve());
      socket.on("error", () => resolve());
      socket.resume();
    });
    await expect(clientOf(served).client.getCart({ customerId: "" })).resolves.toEqual(emptyCart);
  });
});

describe("time", () => {
  test("the deadline shrinks along a chain and is never longer than the caller's", async () => {
    const deadlines: number[] = [];
    const note = () => deadlines.push(currentContext().deadlineAtMs);
    const last = await serve(cart, {
      getCart: async () => {
        note();
        return emptyCart;
      },
    });
    const { client: inner } = clientOf(last, { timeoutMs: 60_000 });
    const middle = await serve(cart, {
      getCart: async (request) => {
        note();
        return inner.getCart(request);
      },
    });
    const untilMs = Date.now() + 400;
    await within({ deadlineAtMs: untilMs }, () =>
      clientOf(middle, { timeoutMs: 60_000 }).client.getCart({ customerId: "" }),
    );
    const [first = 0, second = 0] = deadlines;
    // The wire carries what is left, so the way there is added. GetCart's own limit is a second.
    expect(first).toBeLessThan(untilMs + 250);
    expect(second).toBeLessThan(first + 250);
  });

  test("the caller's deadline cuts, and the callee's work is told", async () => {
    const told = latch();
    const served = await serve(cart, {
      getCart: () => {
        currentContext().signal?.addEventListener("abort", told.open);
        return new Promise(() => {});
      },
    });
    const startedAt = performance.now();
    const { client } = clientOf(served, { timeoutMs: 100 });
    await expect(client.getCart({ customerId: "" })).rejects.toThrow(/DEADLINE_EXCEEDED/);
    expect(performance.now() - startedAt).toBeLessThan(900);
    await told.opened;
  });

  test("the RPC's own limit cuts too, and the work below is told", async () => {
    const told = latch();
    const served = await serve(cart, {
      getCart: () => {
        currentContext().signal?.addEventListener("abort", told.open);
        return new Promise(() => {});
      },
    });
    // GetCart has a second by its contract.
    const failed = clientOf(served, { timeoutMs: 20_000 }).client.getCart({ customerId: "" });
    await expect(failed).rejects.toThrow(/DEADLINE_EXCEEDED It took too long/);
    await told.opened;
  });

  test("a cancelled request cancels the call, along the chain", async () => {
    const begun = latch();
    const told = latch();
    const last = await serve(cart, {
      getCart: () => {
        currentContext().signal?.addEventListener("abort", told.open);
        begun.open();
        return new Promise(() => {});
      },
    });
    const { client: inner } = clientOf(last);
    const middle = await serve(cart, { getCart: (request) => inner.getCart(request) });
    const gone = new AbortController();
    const failed = within({ signal: gone.signal }, () => clientOf(middle).client.getCart({ customerId: "" }));
    const outcome = expect(failed).rejects.toMatchObject({ name: "Cancelled" });
    await begun.opened;
    gone.abort();
    await outcome;
    await told.opened;
  });

  test("a request that is gone already is not sent", async () => {
    let handled = 0;
    const served = await serve(cart, {
      getCart: async () => {
        handled += 1;
        return emptyCart;
      },
    });
    const { client } = clientOf(served);
    await expect(
      within({ signal: AbortSignal.abort() }, () => client.getCart({ customerId: "" })),
    ).rejects.toThrow();
    await expect(
      within({ deadlineAtMs: Date.now() - 1 }, () => client.getCart({ customerId: "" })),
    ).rejects.toThrow();
    await client.getCart({ customerId: "" });
    expect(handled).toBe(1);
  });

  test("the caller's token, key and trace go along", async () => {
    const seen: RequestContext[] = [];
    const served = await serve(cart, {
      getCart: async () => {
        seen.push(currentContext());
        return emptyCart;
      },
    });
    const span = unrecordedTelemetry("test").span("x", "server", undefined);
    const context = { bearerToken: "user-token-123", idempotencyKey: "key-1", span };
    await within(context, () => clientOf(served).client.getCart({ customerId: "" }));
    expect(seen[0]).toMatchObject({ bearerToken: "user-token-123", idempotencyKey: "key-1" });
    expect(seen[0]?.span?.traceId).toBe(span.traceId);
  });
});
