// Who may call what: over real gRPC, with tokens by real keys.

import { status } from "@grpc/grpc-js";
import { CartServiceDefinition, type GetCartResponse } from "@webstore/proto/cart/v1";
import { CatalogServiceDefinition } from "@webstore/proto/catalog/v1";
import { IdentityServiceDefinition } from "@webstore/proto/identity/v1";
import { OrderServiceDefinition } from "@webstore/proto/orders/v1";
import { PaymentServiceDefinition } from "@webstore/proto/payments/v1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { currentContext } from "./context.ts";
import type { Contract } from "./definition.ts";
import { Refusal } from "./refusal.ts";
import { rpcOptions } from "./rpc-options.ts";
import { testClient } from "./testing.ts";
import { atEnd, type Keys, raw, serve, serveKeys, testInternalKey } from "./testing-rpc.ts";

const cart = CartServiceDefinition;
const emptyCart: GetCartResponse = { cart: undefined };

const reasonOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "ok",
    (error: unknown) => (error instanceof Refusal ? error.reason : `${(error as Error).name}`),
  );

describe("who may call", () => {
  let keys: Keys;
  beforeAll(async () => {
    keys = await serveKeys();
  });
  afterAll(() => keys.stop());

  const contracts: readonly Contract[] = [
    cart,
    CatalogServiceDefinition,
    IdentityServiceDefinition,
    OrderServiceDefinition,
    PaymentServiceDefinition,
  ];
  const rpcs = contracts.flatMap((contract) =>
    Object.entries(contract.methods).map(([name, method]) => ({
      contract,
      name,
      path: `${contract.fullName}/${method.name}`,
      access: rpcOptions(contract.fullName, method.name).access,
    })),
  );
  const callers = {
    stranger: { is: [], role: undefined, internal: false },
    user: { is: ["user"], role: "user", internal: false },
    admin: { is: ["user", "admin"], role: "admin", internal: false },
    service: { is: ["service"], role: undefined, internal: true },
    "service for a user": { is: ["service", "user"], role: "user", internal: true },
  } as const;

  test("the contracts of this test have RPCs of every kind", () => {
    expect(new Set(rpcs.flatMap(({ access }) => access))).toEqual(
      new Set(["public", "user", "admin", "service"]),
    );
  });

  test.each(Object.keys(callers) as (keyof typeof callers)[])(
    "a %s: what each RPC's access says",
    async (who) => {
      const { is, role, internal } = callers[who];
      const token = role === undefined ? {} : { token: await keys.token({ role }) };
      for (const contract of contracts) {
        const served = await serve(contract, {}, { jwksUrl: keys.jwksUrl });
        const client = testClient(served.definition, served.address, { ...token, internal });
        for (const { name, path, access } of rpcs.filter((each) => each.contract === contract)) {
          const may =
            access.includes("public") || access.some((each) => (is as readonly string[]).includes(each));
          const method = (client as unknown as Record<string, (request: object) => Promise<unknown>>)[name];
          const empty = contract.methods[name]?.requestType.decode(new Uint8Array()) as object;
          // Whoever may come in is then told what is missing in an empty request.
          const reason = await reasonOf(method?.(empty) ?? Promise.resolve());
          const expected = may
            ? ["ok", "invalid_request"]
            : [who === "stranger" ? "unauthenticated" : "permission_denied"];
          expect(expected, `${who} ${path}`).toContain(reason);
        }
        client.close();
      }
    },
  );

  test("the handler sees who asks: a user, a service, or a service for a user", async () => {
    const seen: unknown[] = [];
    const see = async () => {
      seen.push(currentContext().principal);
      return emptyCart;
    };
    const served = await serve(cart, { getCart: see }, { jwksUrl: keys.jwksUrl });
    const token = await keys.token();
    const clients = [{ token }, { internal: true }, { token, internal: true }].map((as) =>
      testClient(served.definition, served.address, as),
    );
    for (const client of clients) {
      await client.getCart({ customerId: "" });
      client.close();
    }
    const user = { kind: "user", userId: "5f0c3e0a-0000-4000-8000-000000000001", role: "user" };
    expect(seen).toEqual([user, { kind: "service", service: "test" }, user]);
  });

  const nowS = Math.floor(Date.now() / 1_000);
  const badTokens: Readonly<Record<string, () => string | Promise<string>>> = {
    "not a token": () => "abc",
    "a demo token where there are none": () => "user-token-123",
    "one of 5,000 characters": () => "a".repeat(5_000),
    "an expired one": () => keys.token({ exp: nowS - 1 }),
    "one by another's key": () => keys.token({}, { key: "foreign" }),
    "one by a key that nobody publishes": () => keys.token({}, { key: "foreign", kid: "key-2" }),
    "one signed with a shared secret": () => keys.token({}, { alg: "HS256" }),
    "one without a signature": async () =>
      `${Buffer.from('{"alg":"none"}').toString("base64url")}.${(await keys.token()).split(".")[1]}.`,
    "one whose claims were changed": async () => {
      const [head, , signature] = (await keys.token()).split(".");
      const claims = { sub: "x", role: "admin", typ: "access", exp: nowS + 900 };
      return `${head}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.${signature}`;
    },
    "a refresh token": () => keys.token({ typ: "refresh" }),
    "another issuer's": () => keys.token({ iss: "elsewhere" }),
    "one for another audience": () => keys.token({ aud: "elsewhere" }),
    "one with an unknown role": () => keys.token({ role: "root" }),
    "one without a subject": () => keys.token({ sub: undefined } as never),
    "one without an id": () => keys.token({ jti: undefined } as never),
  };
  test.each(Object.keys(badTokens))("a bad token is refused even where none is needed: %s", async (kind) => {
    let handled = 0;
    const served = await serve(
      CatalogServiceDefinition,
      { listProducts: async () => ({ products: [], nextPageToken: `${++handled}` }) },
      { jwksUrl: keys.jwksUrl },
    );
    const token = await (badTokens[kind] as () => string | Promise<string>)();
    const path = "/webstore.catalog.v1.CatalogService/ListProducts";
    const answer = await raw(served, path, { metadata: { authorization: `Bearer ${token}` } });
    expect(answer).toMatchObject({
      code: status.UNAUTHENTICATED,
      details: "This needs a valid access token.",
    });
    expect(handled).toBe(0);
  });

  test.each(["Basic YTpi", "Bearer", "Bearer a b", "user-token-123"])(
    "another authorization is refused: %s",
    async (authorization) => {
      const served = await serve(cart);
      const answer = await raw(served, "/webstore.cart.v1.CartService/GetCart", {
        metadata: { authorization },
      });
      expect(answer.code).toBe(status.UNAUTHENTICATED);
    },
  );

  test.each(["", "test-internal-kez", `${testInternalKey}-and-more`, "x"])(
    "a wrong internal key is refused: %j",
    async (key) => {
      const served = await serve(cart);
      const metadata = { "x-webstore-service": "orders", "x-webstore-key": key };
      const answer = await raw(served, "/webstore.cart.v1.CartService/GetCart", { metadata });
      expect(answer.code).toBe(status.UNAUTHENTICATED);
    },
  );

  test("a name without the key is nobody", async () => {
    const served = await serve(cart);
    const answer = await raw(served, "/webstore.cart.v1.CartService/GetCart", {
      metadata: { "x-webstore-service": "orders" },
    });
    expect(answer.code).toBe(status.UNAUTHENTICATED);
  });

  test("keys that cannot be fetched are an outage: nobody is logged out by that", async () => {
    const broken = await serveKeys();
    atEnd(() => broken.stop());
    broken.breakDown();
    const served = await serve(cart, {}, { jwksUrl: broken.jwksUrl });
    const client = testClient(served.definition, served.address, { token: await broken.token() });
    atEnd(() => client.close());
    await expect(client.getCart({ customerId: "" })).rejects.toMatchObject({ name: "Outage" });
  });
});
