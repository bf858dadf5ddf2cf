// Messages that nobody can process, put on the bus as a broken publisher would: through a service's outbox, and past it.
// Key and value of such a message are kept byte for byte when it becomes a dead letter (SPEC 6); nothing else of it is.

import { randomUUID } from "node:crypto";
import pg from "pg";
import { bearer, card, everything, keys, passwords, paymentTokens, sent } from "./canary-secrets.ts";

export type Poison = { readonly topic: string; readonly value: string; readonly headers: Headers };
type Headers = Readonly<Record<string, string>>;

const eventNames = [
  ["order-events", "OrderCreated"],
  ["order-events", "OrderCancelRequested"],
  ["order-events", "OrderProcessing"],
  ["order-events", "OrderCancelled"],
  ["order-events", "OrderRefunded"],
  ["order-events", "CartClearDue"],
  ["payment-topic", "PaymentDone"],
  ["payment-topic", "PaymentRefunded"],
] as const;
const topics = ["order-events", "payment-topic"] as const;

/** What a publisher with a bug might send along. */
const headers: Headers = {
  authorization: `Bearer ${bearer}`,
  cookie: `session=${passwords.registered}`,
  "x-api-key": keys.stripe,
  "x-note": `paid with ${card.spaced}, cvc=${card.cvc}`,
  "x-token": paymentTokens.unknown,
  card: card.plain,
};

const envelope = (name: string, data: unknown, more: object = {}) =>
  JSON.stringify({
    id: randomUUID(),
    name,
    data,
    occurredAt: new Date().toISOString(),
    traceparent: "",
    ...more,
  });

export function poisons(): Poison[] {
  const broken = JSON.stringify(everything).slice(0, -1);
  const ofTopic = topics.flatMap((topic) => [
    { topic, value: broken, headers },
    { topic, value: JSON.stringify(everything), headers: {} },
    { topic, value: envelope("NobodyKnows", everything), headers },
    { topic, value: envelope(card.plain, everything), headers: {} },
    {
      topic,
      value: envelope("OrderCreated", everything, { id: card.plain, traceparent: bearer }),
      headers: {},
    },
  ]);
  const ofEvent = eventNames.flatMap(([topic, name]) => [
    { topic, value: envelope(name, everything), headers: {} },
    ...Object.values(sent).map((canary) => ({
      topic,
      value: envelope(name, {
        orderId: canary,
        customerId: canary,
        paymentId: canary,
        refundId: canary,
        currency: canary,
        amount: canary,
        totalAmount: canary,
        status: canary,
        items: [{ productId: canary, quantity: 1, unitPrice: canary, totalPrice: canary }],
      }),
      headers: {},
    })),
  ]);
  return [...ofTopic, ...ofEvent];
}

/** Those with headers go past the outbox, which gives none. */
export async function publishPoison(databaseUrl: string, messages: readonly Poison[]): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    for (const { topic, value, headers: given } of messages) {
      const key = randomUUID();
      if (Object.keys(given).length === 0) {
        await client.query("insert into orders.outbox (topic, key, value) values ($1, $2, $3)", [
          topic,
          key,
          value,
        ]);
        continue;
      }
      await client.query(
        `with place as (
           update bus.partitions set next_offset = next_offset + 1 where topic = $1 and partition = 0
           returning next_offset - 1 as place
         )
         insert into bus.messages (topic, partition, "offset", key, value, headers, published_at)
         select $1, 0, place, $2, $3, $4, now() from place`,
        [topic, key, Buffer.from(value), given],
      );
    }
  } finally {
    await client.end();
  }
}

/** How many dead letters stand, and how many have come on the way there. */
export async function deadLetters(
  databaseUrl: string,
): Promise<{ kept: number; published: number; ids: string[] }> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ id: string }>(
      "select dead_letter_id as id from order_processor.dead_letters order by created_at",
    );
    const published = await client.query<{ count: number }>(
      "select count(*)::int as count from bus.messages where topic like '%-dlq'",
    );
    const ids = rows.map(({ id }) => id);
    return { kept: ids.length, published: published.rows[0]?.count ?? 0, ids };
  } finally {
    await client.end();
  }
}
