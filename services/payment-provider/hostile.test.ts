import { once } from "node:events";
import http from "node:http";
import net from "node:net";
import { expect, test } from "vitest";
import { apiKey, hold, startTestProvider } from "./testing.ts";

const form = "application/x-www-form-urlencoded";

function post(
  url: string,
  path: string,
  body: string,
  headers: Record<string, string> = {},
): Promise<Response> {
  const all = { authorization: `Bearer ${apiKey}`, "content-type": form, ...headers };
  return fetch(`${url}${path}`, { method: "POST", headers: all, body });
}

const refused: readonly (readonly [what: string, body: string])[] = [
  ["a negative amount", "amount=-1&currency=usd"],
  ["an amount of 0", "amount=0&currency=usd"],
  ["a fraction", "amount=10.5&currency=usd"],
  ["an exponent", "amount=1e3&currency=usd"],
  ["an amount too large", "amount=100000000&currency=usd"],
  ["an amount with 400 digits", `amount=${"9".repeat(400)}&currency=usd`],
  ["no amount", "currency=usd"],
  ["no currency", "amount=100"],
  ["an unknown currency", "amount=100&currency=abc"],
  ["an upper-case currency", "amount=100&currency=USD"],
  ["an unknown parameter", "amount=100&currency=usd&card_number=4242"],
  ["a hash for a number", "amount[a]=100&currency=usd"],
  ["a value and a hash", "amount=100&amount[a]=1&currency=usd"],
  ["broken percent-encoding", "amount=100&currency=usd&description=%zz"],
  ["broken UTF-8", "amount=100&currency=usd&description=%ff%fe"],
  ["unbalanced brackets", "amount=100&currency=usd&metadata[a=1"],
  ["brackets alone", "amount=100&currency=usd&[a]=1"],
  ["deep nesting", `amount=100&currency=usd&metadata${"[a]".repeat(50)}=1`],
  ["nested metadata", "amount=100&currency=usd&metadata[a][b]=1"],
  ["a thousand parameters", `amount=100&currency=usd&${"metadata[a]=1&".repeat(1_000)}`],
  [
    "51 metadata keys",
    `amount=100&currency=usd&${Array.from({ length: 51 }, (_, i) => `metadata[k${i}]=1`).join("&")}`,
  ],
  ["a long metadata value", `amount=100&currency=usd&metadata[a]=${"x".repeat(501)}`],
  ["a boolean that is none", "amount=100&currency=usd&confirm=yes"],
  ["confirming with nothing", "amount=100&currency=usd&confirm=true"],
  ["an unknown capture method", "amount=100&currency=usd&capture_method=later"],
  ["a return_url that is a script", "amount=100&currency=usd&return_url=javascript:alert(1)"],
  ["an expansion of something else", "amount=100&currency=usd&expand[]=constructor"],
];

test.each(refused)("%s is refused, and nothing is made", async (_what, body) => {
  const { stripe, url } = await startTestProvider();
  const response = await post(url, "/v1/payment_intents", body);
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({
    error: { type: "invalid_request_error", message: expect.any(String) },
  });
  expect((await stripe.paymentIntents.list()).data).toEqual([]);
});

test("names that mean something to JavaScript mean nothing here", async () => {
  const { url } = await startTestProvider();
  const body = "amount=100&currency=usd&metadata[__proto__]=x&metadata[constructor]=y";
  const intent = (await (await post(url, "/v1/payment_intents", body)).json()) as { metadata: object };
  expect(Object.getPrototypeOf(intent.metadata)).toBe(Object.prototype);
  expect(({} as Record<string, unknown>).x).toBeUndefined();
  expect((await post(url, "/v1/payment_intents", "__proto__[amount]=100&currency=usd")).status).toBe(400);
});

test("a body of 10 MiB is refused before it is held, and the next request is served", async () => {
  const { stripe, url } = await startTestProvider();
  const request = http.request(`${url}/v1/payment_intents`, {
    method: "POST",
    headers: { "content-type": form },
  });
  request.on("error", () => undefined);
  request.end(`description=${"x".repeat(10 * 1_024 * 1_024)}`);
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  expect(response.statusCode).toBe(413);
  response.resume();
  expect((await hold(stripe)).status).toBe("requires_capture");
});

test("a body of another type is refused", async () => {
  const { url } = await startTestProvider();
  const response = await post(url, "/v1/payment_intents", '{"amount":1}', {
    "content-type": "application/json",
  });
  expect(response.status).toBe(400);
});

test.each([
  ["no key", {}],
  ["a wrong key", { authorization: "Bearer sk_test_webstorE" }],
  ["a longer key", { authorization: `Bearer ${apiKey}x` }],
  ["a publishable key", { authorization: "Bearer pk_test_1" }],
])("with %s every resource is closed", async (_what, headers: Record<string, string>) => {
  const { url } = await startTestProvider();
  for (const path of [
    "payment_intents",
    "payment_intents/pi_1",
    "charges",
    "refunds",
    "events",
    "events/evt_1",
  ]) {
    const response = await fetch(`${url}/v1/${path}`, { headers });
    expect([path, response.status]).toEqual([path, 401]);
    expect(await response.text()).not.toContain("sk_test");
  }
});

test.each([
  "/",
  "/v1",
  "/v1/",
  "/v1/nope",
  "/v1/payment_intents/pi_1/steal",
  "/v1/payment_intents/a/b/c",
  "/v1/../admin/x",
])("there is nothing at %s", async (path) => {
  const { url } = await startTestProvider();
  expect((await post(url, path, "")).status).toBe(404);
});

test("ids that name nothing are not found, whatever they look like", async () => {
  const { stripe } = await startTestProvider();
  for (const id of ["pi_1", "' OR 1=1 --", "%00", "é", "x".repeat(200)]) {
    await expect(stripe.paymentIntents.retrieve(id)).rejects.toMatchObject({ statusCode: 404 });
    await expect(stripe.refunds.create({ payment_intent: id })).rejects.toMatchObject({ statusCode: 404 });
  }
});

test("admin bodies that are not JSON are refused", async () => {
  const { url } = await startTestProvider();
  const put = (body: string) => fetch(`${url}/admin/failures`, { method: "PUT", body });
  for (const body of ["{", "[]", "null", '{"countries":{"US":{"rate":"1","codes":[500]}}}', ""]) {
    expect((await put(body)).status).toBe(400);
  }
});

test("what is not HTTP is hung up on, and the next request is served", async () => {
  const { stripe, url } = await startTestProvider();
  const socket = net.connect(Number(new URL(url).port), "127.0.0.1");
  socket.end("\u0000\u0001GARBAGE\r\n\r\n");
  socket.resume();
  await once(socket, "close");
  expect((await hold(stripe)).status).toBe("requires_capture");
});
