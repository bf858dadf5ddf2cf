// Orders in memory, for the tests of other services: the same use cases and the same saga, over maps instead of
// Postgres. orders.contract.ts holds it and the service to the same promises.
//
// It differs from the service, on purpose, in three things: the kit's checks of `access` and of the fields' rules do not
// run; what nobody waits for (telling the CRM, clearing a cart later) is published and not done; and between two
// tries of a step nothing is waited for. Who asks is the user of the current context.

import { randomUUID } from "node:crypto";
import { fakeCart } from "@webstore/cart/fake";
import { fakeCatalog } from "@webstore/catalog/fake";
import { type HandlersOf, openLog, openSagaEngine, type PortsOf, Refusal } from "@webstore/kit";
import { fakePayments } from "@webstore/payments/fake";
import type { OrderServiceDefinition } from "@webstore/proto/orders/v1";
import type { orders } from "./definition.ts";
import { cancelOrderSaga } from "./execute-cancellation.ts";
import { memoryOrders, type PublishedEvent } from "./order-store.memory.ts";
import { placeOrder } from "./place-order.ts";
import { defaultPriceRules } from "./pricing.ts";
import { type Reason, refuse } from "./refusals.ts";
import { rpc } from "./rpc.ts";
import { memoryDesk } from "./saga-desk.memory.ts";
import type { SagaPorts } from "./saga-ports.ts";

type Ports = PortsOf<typeof orders>;

export type FakeOrders = HandlersOf<typeof OrderServiceDefinition> & {
  /** The next order that comes to its payment is refused so; like every refusal it is the same when repeated. */
  refuseNext(reason: Reason, details?: Readonly<Record<string, string>>): void;
  /** The next order that comes to its payment stays pending, until the function that this gives is called. */
  holdNext(): () => void;
  /** The next call of PlaceOrder throws this: something that is no refusal. */
  breakNext(error: Error): void;
  /** How much of a product there is; without it there is always enough. */
  setStock(productId: string, available: number): void;
  /** What was published on `order-events`, the oldest first. */
  events(): readonly PublishedEvent[];
  /** Ends what it has under way. */
  stop(): Promise<void>;
};

/** `cart` and `catalog` are those that the test fills; without `payments` all cards of the fake's pay. */
export function fakeOrders(
  is: Partial<Pick<Ports, "cart" | "catalog" | "payments" | "inventory">> & { nowMs?: () => number } = {},
): FakeOrders {
  const { cart = fakeCart(), catalog = fakeCatalog(), payments = fakePayments(), nowMs = Date.now } = is;
  const stock = memoryStock();
  const script = paymentScript(payments);
  const { store, outbox, journal, events, ...kept } = memoryOrders({ nowMs, newId: randomUUID });
  const ports: SagaPorts = {
    store,
    outbox,
    cart,
    payments: script.payments,
    inventory: is.inventory ?? stock.inventory,
    nowMs,
  };
  const all = [placeOrder, cancelOrderSaga];
  const sagas = openSagaEngine<SagaPorts>({
    journal,
    sagas: all,
    ports,
    log: openLog("orders", { level: "silent" }),
    telemetry: nothingRecorded,
    leaseMs: 1_000,
    random: () => 0,
    delayMs: async () => {},
  });
  const rules = defaultPriceRules;
  const desk = memoryDesk({ all: kept.sagas, journal, engine: sagas, sagas: all, nowMs });
  const handlers = rpc({ ...ports, catalog, sagas, desk, rules, wakeRelay: () => {} });
  const broken: Error[] = [];
  return {
    ...handlers,
    placeOrder: async (request) => {
      const error = broken.shift();
      if (error !== undefined) throw error;
      return handlers.placeOrder(request);
    },
    refuseNext: script.refuseNext,
    holdNext: script.holdNext,
    breakNext: (error) => broken.push(error),
    setStock: stock.set,
    events,
    stop: () => sagas.stop(0),
  };
}

/** Payments before whose authorizing the test may put something. */
function paymentScript(payments: SagaPorts["payments"]) {
  const before: (() => Promise<void>)[] = [];
  return {
    payments: {
      ...payments,
      createPayment: async (request: Parameters<typeof payments.createPayment>[0]) => {
        await before.shift()?.();
        return payments.createPayment(request);
      },
    },
    refuseNext(reason: Reason, details: Readonly<Record<string, string>> = {}) {
      before.push(() => Promise.reject(refuse(reason, details)));
    },
    holdNext() {
      const { promise, resolve } = Promise.withResolvers<void>();
      before.push(() => promise);
      return resolve;
    },
  };
}

type Line = { readonly product_id: string; readonly quantity: number };

/** The inventory company, as far as placing an order goes: all lines or none, an id once, released for good. */
function memoryStock() {
  const available = new Map<string, number>();
  const reservations = new Map<string, { status: "reserved" | "released"; lines: Line[] }>();
  const take = (lines: readonly Line[], sign: 1 | -1) => {
    for (const { product_id, quantity } of lines) {
      const left = available.get(product_id);
      if (left !== undefined) available.set(product_id, left - sign * quantity);
    }
  };
  const answer = (reservation_id: string) => {
    const { status, lines } = reservations.get(reservation_id) ?? { status: "released" as const, lines: [] };
    return { reservation_id, status, lines, created_at: new Date(0).toISOString() };
  };
  const refused = (reason: string, details: Readonly<Record<string, string>> = {}) =>
    new Refusal({ service: "inventory", reason, code: "FAILED_PRECONDITION", message: reason, details });
  const inventory: Pick<Ports["inventory"], "reserve" | "release"> = {
    async reserve({ reservation_id, lines }) {
      const standing = reservations.get(reservation_id);
      if (standing?.status === "released") throw refused("reservation_released");
      if (standing !== undefined) return answer(reservation_id);
      const short = lines.filter((line) => line.quantity > (available.get(line.product_id) ?? Infinity));
      const product_ids = short.map((line) => line.product_id).join(",");
      if (short.length > 0) throw refused("out_of_stock", { product_ids });
      take(lines, 1);
      reservations.set(reservation_id, { status: "reserved", lines });
      return answer(reservation_id);
    },
    async release({ reservation_id }) {
      const standing = reservations.get(reservation_id);
      if (standing?.status === "reserved") take(standing.lines, -1);
      reservations.set(reservation_id, { status: "released", lines: standing?.lines ?? [] });
      return answer(reservation_id);
    },
  };
  return {
    inventory: inventory as Ports["inventory"],
    set: (productId: string, units: number) => void available.set(productId, units),
  };
}

const span = { traceId: "", spanId: "", traceparent: "", set() {}, end() {} };
const nothing = { add() {}, record() {} };
const nothingRecorded = {
  service: "orders",
  recording: false,
  span: () => span,
  counter: () => nothing,
  histogram: () => nothing,
  gauge() {},
  stop: async () => {},
};
