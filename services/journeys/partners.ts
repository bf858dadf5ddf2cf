// What the other companies have in their books, read from their own APIs and never through the store.

import { until } from "./wait.ts";

/** The provider's payment intent, as much as the journeys look at. Amounts are in minor units. */
export type Intent = {
  readonly id: string;
  readonly status: string;
  readonly amount: number;
  readonly amount_capturable: number;
  readonly amount_received: number;
  readonly currency: string;
  readonly metadata: Readonly<Record<string, string>>;
};
export type Reservation = {
  readonly reservation_id: string;
  readonly status: "reserved" | "released";
  readonly lines: readonly { readonly product_id: string; readonly quantity: number }[];
};
export type Stock = { readonly product_id: string; readonly available: number; readonly reserved: number };

const pageSize = 100;
const triesMax = 20;
const demoKey = "sk_test_webstore";
/** Longer than a store takes that is killed and started again. */
const bankTimeoutMs = 120_000;
const bankAnswerTimeoutMs = 10_000;

async function get<Body>(url: string, init: RequestInit = {}): Promise<Body> {
  let response = await fetch(url, init);
  // With failures on they fail us, too.
  for (let tries = 1; !response.ok && tries < triesMax; tries++) response = await fetch(url, init);
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Body;
}

const send = <Body>(method: "PUT" | "POST", url: string, body: object) =>
  get<Body>(url, {
    method,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });

async function everyPage<Item extends { readonly id: string }>(url: string, key: string): Promise<Item[]> {
  const found: Item[] = [];
  for (;;) {
    const after = found.length === 0 ? "" : `&starting_after=${found.at(-1)?.id}`;
    const page = await get<{ data: Item[]; has_more: boolean }>(`${url}?limit=${pageSize}${after}`, {
      headers: { authorization: `Bearer ${key}` },
    });
    found.push(...page.data);
    if (!page.has_more) return found;
  }
}

export function readPartners(is: {
  providerUrl: string;
  inventoryUrl: string;
  crmUrl: string;
  /** The provider's, where it is not the demo's. */
  providerKey?: string;
}) {
  const key = is.providerKey ?? demoKey;
  /** Whoever repeats a call meanwhile keeps its key. */
  const advance = (ms: number) =>
    send<{ still_due: number }>("PUT", `${is.providerUrl}/admin/clock`, { advance_ms: ms, keep_keys: true });

  return {
    /** Every payment that the provider knows of. */
    intents: () => everyPage<Intent>(`${is.providerUrl}/v1/payment_intents`, key),
    refunds: () => everyPage<{ id: string; amount: number }>(`${is.providerUrl}/v1/refunds`, key),

    /** The next such request to the provider is carried out, and its answer is lost. */
    loseAnswer: (operation: "create" | "capture" | "cancel") =>
      send<object>("POST", `${is.providerUrl}/admin/scenarios`, {
        match: { operation },
        do: "processed_then_timeout",
      }),

    /** The next refunds are pending, and fail; whoever asks for them anew gets them. */
    failRefundsLater: (times: number) =>
      send<object>("POST", `${is.providerUrl}/admin/scenarios`, {
        match: { operation: "refund" },
        do: "refund_pending_then_failed",
        times,
      }),

    /** The shopper tells their bank, until it answers: it may be killed just then. One that does not ask any more has its answer
     *  already. */
    async answerTheBank(clientSecret: string, outcome: "succeeded" | "failed"): Promise<void> {
      const [intent] = clientSecret.split("_secret_");
      const hasAnswered = async () => {
        try {
          const { status } = await fetch(`${is.providerUrl}/admin/authentications`, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({ payment_intent: intent, outcome }),
            signal: AbortSignal.timeout(bankAnswerTimeoutMs),
          });
          return status < 500;
        } catch {
          return false;
        }
      };
      await until(hasAnswered, bankTimeoutMs, "the bank does not answer");
    },
    /** What went back of each payment intent, refunds and lost disputes together. */
    async returned(): Promise<ReadonlyMap<string, number>> {
      type Standing = { id: string; refunded: number; disputed_lost: number };
      const returned = new Map<string, number>();
      for (let after = ""; ; ) {
        const page = await get<{ payments: Standing[]; has_more: boolean }>(
          `${is.providerUrl}/admin/payments${after === "" ? "" : `?starting_after=${after}`}`,
        );
        for (const { id, refunded, disputed_lost } of page.payments)
          returned.set(id, refunded + disputed_lost);
        after = page.payments.at(-1)?.id ?? "";
        if (!page.has_more) return returned;
      }
    },
    /** What the provider has still to tell the store. */
    deliveriesWaiting: async () =>
      (await get<{ waiting: number }>(`${is.providerUrl}/admin/deliveries`)).waiting,
    /** What takes days at the provider has taken them; resolves when all of it has been carried out. */
    async advanceClock(ms: number): Promise<void> {
      let { still_due: due } = await advance(ms);
      while (due > 0) ({ still_due: due } = await advance(0));
    },
    /** No more failures by the table, with any of them. */
    async failNoMore(): Promise<void> {
      const none = (url: string, body: object) => send<object>("PUT", `${url}/admin/failures`, body);
      await none(is.providerUrl, { countries: {} });
      await none(is.inventoryUrl, { rate: 0, codes: [500] });
      await none(is.crmUrl, { rate: 0, codes: [500] });
    },

    /** Every reservation that stands. */
    async reserved(): Promise<Reservation[]> {
      const found: Reservation[] = [];
      for (let after = ""; ; ) {
        const query = `status=reserved&limit=${pageSize}${after === "" ? "" : `&after=${after}`}`;
        const page = await get<{ reservations: Reservation[]; next_after: string }>(
          `${is.inventoryUrl}/v1/reservations?${query}`,
        );
        found.push(...page.reservations);
        after = page.next_after;
        if (after === "") return found;
      }
    },

    async stock(productId: string): Promise<Stock> {
      const { stock } = await get<{ stock: [Stock] }>(`${is.inventoryUrl}/v1/stock?product_ids=${productId}`);
      return stock[0];
    },

    setStock: (productId: string, available: number) =>
      send<Stock>("PUT", `${is.inventoryUrl}/v1/stock/${productId}`, { available }),
  };
}
