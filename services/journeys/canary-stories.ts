// What shoppers, their bank, the provider and staff do with canaries in their hands: the paths that need more than one
// request, and those where the provider's own errors repeat what it was told.

import { createHmac, randomUUID } from "node:crypto";
import { connect } from "node:net";
import sharp from "sharp";
import { bearer, card, everything, keys, passwords, paymentTokens, sent } from "./canary-secrets.ts";
import type { readPartners } from "./partners.ts";
import { type Answer, address, type Order, type Shop } from "./shop.ts";

export type Shopper = { readonly userId: string; readonly access: string; readonly refresh: string };

export type Stage = {
  readonly shop: Shop;
  readonly url: string;
  readonly partners: ReturnType<typeof readPartners>;
  readonly staff: string;
  readonly productId: string;
  /** Told of every answer. */
  readonly heard: (what: string, answer: Answer<unknown>) => void;
  /** Told of secrets that the store gave out. */
  readonly learned: (what: "access token" | "refresh token" | "client secret", text: string) => void;
};

/** Opens an account and logs in: with a wrong password, the right one, a refresh token, and that one once more. */
export async function newShopper(stage: Stage): Promise<Shopper> {
  const { shop, heard, learned } = stage;
  const username = `shopper-${randomUUID().slice(0, 12)}`;
  const { user_id } = await shop.register({ username, password: passwords.registered });
  const login = (password: string) =>
    shop.ask("/auth/login", { method: "POST", json: { username, password } });
  heard("login with a wrong password", await login(passwords.wrong));
  const refresh = (token: string) =>
    shop.ask<{ access_token: string; refresh_token: string }>("/auth/refresh", {
      method: "POST",
      json: { refresh_token: token },
    });
  const first = await shop.login({ username, password: passwords.registered });
  const second = await refresh(first.refresh_token);
  heard("a refresh token that was used", await refresh(first.refresh_token));
  const last = await shop.login({ username, password: passwords.registered });
  for (const tokens of [first, second.body, last]) {
    learned("access token", tokens.access_token);
    learned("refresh token", tokens.refresh_token);
  }
  return { userId: user_id, access: last.access_token, refresh: last.refresh_token };
}

/** As somebody does who takes this for the provider's own form. */
export async function payWithCardFields({ shop, heard }: Stage, { access }: Shopper): Promise<void> {
  const fields = { number: card.spaced, cvc: card.cvc, cvv: everything.cvv, exp_month: 12, exp_year: 2030 };
  const bodies = [
    { payment_method: fields, shipping_address: address },
    { payment_method: { token: paymentTokens.good, ...fields }, shipping_address: address },
    { payment_method: { token: paymentTokens.good, card: fields }, shipping_address: address },
    { payment_method: { token: paymentTokens.good }, shipping_address: address, ...fields },
    { payment_method: { token: card.dashed }, shipping_address: address },
    { payment_method: { token: paymentTokens.good }, shipping_address: address, coupon: card.plain },
  ];
  for (const json of bodies) {
    const answer = await shop.ask("/checkout", { method: "POST", token: access, key: randomUUID(), json });
    heard("checkout with card fields", answer);
  }
}

/** A checkout to its end, whatever that is. The card's own number as a token is as unknown to the provider as any. */
export async function payWith(
  stage: Stage,
  { access }: Shopper,
  token: string,
  is: { city?: string } = {},
): Promise<Order | undefined> {
  const { shop, productId, heard } = stage;
  await shop.addToCart(access, productId, 1);
  const json = {
    payment_method: { token },
    shipping_address: { ...address, city: is.city ?? address.city },
  };
  const key = randomUUID();
  const ask = () => shop.ask<Order>("/checkout", { method: "POST", token: access, key, json });
  for (;;) {
    const answer = await ask();
    heard("checkout", answer);
    if (answer.status !== 202) return answer.status < 300 ? answer.body : undefined;
  }
}

/** Begins one that the bank asks about; what the shopper then says is for later. */
export async function beginWithBank(
  { shop, productId, learned }: Stage,
  { access }: Shopper,
): Promise<{ orderId: string; clientSecret: string }> {
  await shop.addToCart(access, productId, 1);
  const json = { payment_method: { token: paymentTokens.needsAction }, shipping_address: address };
  const { body } = await shop.ask<Order>("/checkout", {
    method: "POST",
    token: access,
    key: randomUUID(),
    json,
  });
  const clientSecret = body.payment_action?.client_secret ?? "";
  learned("client secret", clientSecret);
  return { orderId: body.order_id, clientSecret };
}

/** An event as the provider sends it, and as somebody sends it who is not the provider. */
export async function sendEvents({ shop, heard }: Stage, clientSecret: string): Promise<void> {
  const [intent = ""] = clientSecret.split("_secret_");
  const nowS = Math.floor(Date.now() / 1_000);
  const event = (type: string, more: object = {}) =>
    JSON.stringify({
      id: `evt_${randomUUID().replaceAll("-", "")}`,
      object: "event",
      type,
      created: nowS,
      data: {
        object: {
          id: intent,
          object: "payment_intent",
          client_secret: clientSecret,
          payment_method: paymentTokens.unknown,
          payment_method_details: { card: { number: card.plain, cvc: card.cvc } },
          last_payment_error: { message: `No such token: ${paymentTokens.shapeless}; card ${card.spaced}` },
          metadata: { note: everything, order_id: card.plain, payment_id: card.plain },
          description: JSON.stringify(everything),
          ...more,
        },
      },
      request: everything,
    });
  const bodies = [
    event("payment_intent.succeeded"),
    event("payment_intent.payment_failed"),
    event("charge.refunded", { object: "charge", payment_intent: intent }),
    event("charge.dispute.created", { object: "dispute", payment_intent: intent }),
    event("customer.created", { object: "customer" }),
    JSON.stringify(everything),
    JSON.stringify(everything).slice(0, -1),
  ];
  const signed = (body: string, secret: string, atS: number) =>
    `t=${atS},v1=${createHmac("sha256", secret).update(`${atS}.${body}`).digest("hex")}`;
  for (const body of bodies) {
    const signatures = [
      signed(body, keys.webhook, nowS),
      signed(body, keys.stripe, nowS),
      signed(body, keys.webhook, nowS - 10_000),
      JSON.stringify(everything),
      "",
    ];
    for (const signature of signatures) {
      const headers = { "content-type": "application/json", "stripe-signature": signature };
      heard("an event", await shop.ask("/webhooks/stripe", { method: "POST", headers, body }));
    }
  }
}

/** Another system's news, with its key and without, every field once as each canary. */
export async function sendPaymentUpdates({ shop, heard }: Stage, order: Order): Promise<void> {
  const good = {
    order_id: order.order_id,
    payment_id: order.payment_id,
    payment_status: "authorized",
    occurred_at: new Date().toISOString(),
  };
  const bodies = Object.keys(good).flatMap((field) =>
    [...Object.values(sent), everything].map((canary) => ({ ...good, [field]: canary })),
  );
  for (const json of [good, { ...good, ...everything }, ...bodies]) {
    for (const key of [keys.paymentUpdates, keys.internal, bearer]) {
      const headers = { "x-internal-api-key": key, "x-idempotency-key": randomUUID() };
      heard(
        "a payment update",
        await shop.ask("/webhooks/payment-updates", { method: "POST", headers, json }),
      );
    }
  }
}

/** An image whose own data say more than the picture, under a name that does, too. */
export async function uploadImage({ shop, staff, heard, productId }: Stage): Promise<void> {
  const note = JSON.stringify(everything);
  const picture = await sharp({ create: { width: 40, height: 30, channels: 3, background: "teal" } })
    .withExif({ IFD0: { ImageDescription: note, Artist: card.plain } })
    .png()
    .toBuffer();
  const file = Buffer.concat([picture, Buffer.from(note)]);
  const part = (field: string, name: string) =>
    Buffer.concat([
      Buffer.from(
        `--part\r\ncontent-disposition: form-data; name="${field}"; filename="${name}"\r\ncontent-type: image/png\r\n\r\n`,
      ),
      file,
      Buffer.from("\r\n--part--\r\n"),
    ]);
  const headers = { "content-type": "multipart/form-data; boundary=part" };
  for (const [field, name] of [
    ["image", `${card.plain}.png`],
    ["file", `${passwords.registered}.png`],
    [card.plain, paymentTokens.unknown],
  ] as const) {
    const asked = {
      method: "POST",
      token: staff,
      headers,
      body: part(field, name),
      key: randomUUID(),
    } as const;
    heard("an image", await shop.ask(`/products/${productId}/images`, asked));
  }
}

/** What is hardly HTTP, or asks for nothing that there is. */
export async function sendNonsense({ shop, url, heard }: Stage): Promise<void> {
  const line = JSON.stringify(everything).replaceAll(/[^ -~]/g, " ");
  const oneWord = encodeURIComponent(line);
  for (const path of [
    `/${oneWord}`,
    `/${card.plain}`,
    `/docs/${oneWord}`,
    `/products/%${card.plain}`,
    `/openapi.json?token=${oneWord}`,
    `/.well-known/jwks.json?api_key=${keys.paymentUpdates}`,
  ])
    heard("a path", await shop.ask(path));
  for (const text of [
    `${line}\r\n\r\n`,
    `GET /${card.spaced} HTTP/1.1\r\nhost: localhost\r\n\r\n`,
    `GET / HTTP/1.1\r\nhost: localhost\r\n${line}\r\n\r\n`,
    `POST /checkout HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${card.plain}x\r\n\r\n${line}`,
    `GET / HTTP/1.1\r\nhost: localhost\r\nx-long: ${line.repeat(200)}\r\n\r\n`,
  ])
    heard("no HTTP", { status: 400, headers: {}, body: await say(url, text) });
}

function say(url: string, text: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    let heard = "";
    const socket = connect(Number(port), hostname, () => socket.write(text));
    socket.setEncoding("utf8").setTimeout(2_000, () => socket.destroy());
    socket.on("data", (more: string) => {
      heard += more;
      socket.end();
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(heard));
  });
}

/** Poison goes round once more, with all that was kept of it. */
export async function redrive({ shop, staff, heard }: Stage): Promise<void> {
  for (const source_topic of ["order-events", "payment-topic"]) {
    const json = { filter: { source_topic }, letters_max: 20, rate_per_second: 100, reason: "mended" };
    heard("a redrive", await shop.ask("/dead-letters/redrive", { method: "POST", token: staff, json }));
  }
}
