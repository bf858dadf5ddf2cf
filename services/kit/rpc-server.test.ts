// The server around the handlers: its drain, health, reflection and port.

import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { CartServiceDefinition, GetCartRequest, type GetCartResponse } from "@webstore/proto/cart/v1";
import { describe, expect, test } from "vitest";
import type { HandlersOf } from "./definition.ts";
import { PortTaken, startRpcServer } from "./rpc-server.ts";
import { atEnd, clientOf, latch, raw, serve } from "./testing-rpc.ts";

const cart = CartServiceDefinition;
const productId = "3f2b8c1e-1234-4abc-8def-1234567890ab";
const emptyCart: GetCartResponse = { cart: undefined };

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "webstore-rpc-"));
  atEnd(() => rmSync(path, { recursive: true }));
  return path;
}

describe("the server", () => {
  test("a drain finishes what is in hand and takes nothing new", async () => {
    const hold = latch();
    let begun = 0;
    const served = await serve(cart, {
      getCart: async () => {
        begun += 1;
        await hold.opened;
        return emptyCart;
      },
    });
    const { client } = clientOf(served);
    const asked = Array.from({ length: 50 }, () => client.getCart({ customerId: "" }));
    await expect.poll(() => begun, { interval: 5, timeout: 5_000 }).toBe(50);
    const drained = served.drain(5_000);
    const late = client.getCart({ customerId: "" }).then(
      () => "answered",
      () => "unavailable",
    );
    hold.open();
    expect(await Promise.all(asked)).toHaveLength(50);
    await drained;
    // Whatever came late was either answered or never begun.
    expect(begun).toBe((await late) === "answered" ? 51 : 50);
  });

  test("under load, everything that was begun is answered", async () => {
    let begun = 0;
    const served = await serve(cart, {
      getCart: async () => {
        begun += 1;
        await new Promise(setImmediate);
        return emptyCart;
      },
    });
    const { client } = clientOf(served);
    let answered = 0;
    let stopping = false;
    const shopper = async () => {
      while (!stopping) {
        await client.getCart({ customerId: "" }).then(
          () => (answered += 1),
          () => (stopping = true),
        );
      }
    };
    const shoppers = Array.from({ length: 20 }, shopper);
    await expect.poll(() => answered, { interval: 5, timeout: 5_000 }).toBeGreaterThan(200);
    await served.drain(5_000);
    await Promise.all(shoppers);
    expect(answered).toBe(begun);
  });

  test("what does not end within the grace is cut", async () => {
    const begun = latch();
    const served = await serve(cart, {
      getCart: () => {
        begun.open();
        return new Promise(() => {});
      },
    });
    const failed = expect(clientOf(served).client.getCart({ customerId: "" })).rejects.toThrow();
    await begun.opened;
    const startedAt = performance.now();
    await served.drain(50);
    expect(performance.now() - startedAt).toBeLessThan(900);
    await failed;
  });

  test("health says whether it serves", async () => {
    const served = await serve(cart);
    const name = Buffer.from(cart.fullName);
    const check = () =>
      raw(served, "/grpc.health.v1.Health/Check", {
        bytes: Buffer.concat([Buffer.from([0x0a, name.length]), name]),
      });
    // Field 1, 2 = NOT_SERVING, 1 = SERVING.
    expect((await check()).answer).toEqual(Buffer.from([0x08, 2]));
    served.setServing(true);
    expect((await check()).answer).toEqual(Buffer.from([0x08, 1]));
  });

  test.each(["grpc.reflection.v1", "grpc.reflection.v1alpha"])(
    "%s lists the service and gives its file",
    async (version) => {
      const served = await serve(cart);
      const client = new Client(served.address, credentials.createInsecure());
      atEnd(() => client.close());
      const pass = (bytes: Buffer) => bytes;
      const ask = (bytes: number[]) =>
        new Promise<string>((resolve, reject) => {
          const path = `/${version}.ServerReflection/ServerReflectionInfo`;
          const stream = client.makeBidiStreamRequest(path, pass, pass, new Metadata());
          stream.on("data", (answer: Buffer) => {
            resolve(answer.toString("latin1"));
            stream.end();
          });
          stream.on("error", reject);
          stream.write(Buffer.from(bytes));
        });
      // list_services (7) of "", and file_containing_symbol (4).
      expect(await ask([0x3a, 0])).toContain(cart.fullName);
      const symbol = [...Buffer.from(cart.fullName)];
      expect(await ask([0x22, symbol.length, ...symbol])).toContain("ClearOrderedLines");
    },
  );

  test("a taken port is said in one line, with its number", async () => {
    const served = await serve(cart);
    const again = startRpcServer({
      contract: cart,
      handlers: {} as HandlersOf<typeof cart>,
      parts: {} as never,
      host: "127.0.0.1",
      port: served.port,
    });
    const error = (await again.catch((thrown: unknown) => thrown)) as PortTaken;
    expect(error).toBeInstanceOf(PortTaken);
    expect(error.message).toBe(`port ${served.port} on 127.0.0.1 is taken, or may not be used`);
    expect(error.port).toBe(served.port);
  });

  test("a socket file serves beside the port, and goes with the server", async () => {
    const path = join(folder(), "socket");
    const served = await serve(cart, {}, { socket: path });
    for (const address of [served.address, `unix:${path}`])
      await clientOf({ ...served, address }).client.getCart({ customerId: "" });
    await served.drain(1_000);
    expect(existsSync(path)).toBe(false);
  });

  test("what is where its socket should be stays, and the start that failed gives the port back", async () => {
    const path = join(folder(), "socket");
    writeFileSync(path, "somebody's");
    const { port, drain } = await serve(cart);
    await drain(0);
    const again = startRpcServer({
      contract: cart,
      handlers: {} as HandlersOf<typeof cart>,
      parts: {} as never,
      host: "127.0.0.1",
      port,
      socket: path,
    });
    await expect(again).rejects.toThrow(new RegExp(`^there can be no socket at ${path}: .*EADDRINUSE`));
    expect(readFileSync(path, "utf8")).toBe("somebody's");
    const taken = createServer().listen(port, "127.0.0.1");
    atEnd(() => taken.close());
    await once(taken, "listening");
  });

  test("a message goes and comes back byte for byte", async () => {
    const served = await serve(cart, {
      getCart: async ({ customerId }) => ({
        cart: {
          customerId,
          lines: [{ productId, quantity: 2 }],
          updateTime: new Date(1_700_000_000_000),
          currency: "USD",
        },
      }),
    });
    const request = GetCartRequest.fromPartial({ customerId: productId });
    expect((await clientOf(served).client.getCart(request)).cart).toEqual({
      customerId: productId,
      lines: [{ productId, quantity: 2 }],
      updateTime: new Date(1_700_000_000_000),
      currency: "USD",
    });
  });
});
