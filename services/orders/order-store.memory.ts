// The orders in memory, with the outbox and the saga's journal that stand or fall with them.
//
// A Write is a statement here too; its one value is the change itself, from one state to the next. A commit makes all of
// them on a copy that nobody sees before the last, so nothing of a commit stands when one of them throws.

import {
  type Outbox,
  type openSagaEngine,
  UniqueViolation,
  type Write,
  WriteRefused,
  writes,
} from "@webstore/kit";
import { cancellable, type Order, type Status, transition, unopened } from "./order.ts";
import { type OrderStore, orderMoved, type PaymentNotification } from "./order-store.ts";

type Journal = Parameters<typeof openSagaEngine>[0]["journal"];
type Saga = NonNullable<Awaited<ReturnType<Journal["find"]>>>;
type Noted = PaymentNotification & { readonly applied: boolean };
export type PublishedEvent = {
  readonly id: string;
  readonly name: string;
  readonly key: string;
  readonly data: unknown;
};

type State = {
  readonly orders: ReadonlyMap<string, Order>;
  readonly notifications: ReadonlyMap<string, Noted>;
  readonly sagas: ReadonlyMap<string, Saga>;
  readonly events: readonly PublishedEvent[];
};
type Change = (state: State) => State;

export type MemoryOrders = {
  readonly store: OrderStore;
  readonly outbox: Outbox;
  readonly journal: Journal;
  /** What was published, the oldest first. */
  events(): readonly PublishedEvent[];
};

export function memoryOrders(is: { nowMs: () => number; newId: () => string }): MemoryOrders {
  let state: State = { orders: new Map(), notifications: new Map(), sagas: new Map(), events: [] };
  const commit = (...all: Write[]) => {
    state = writes(...all).reduce((next, { values }) => (values[0] as Change)(next), state);
  };
  const outbox: Outbox = {
    publish: ({ id = is.newId(), name, key, data }) =>
      write((now) => ({ ...now, events: [...now.events, { id, name, key, data }] })),
  };
  return {
    store: orderStore(() => state, commit, is.nowMs),
    outbox,
    journal: journal(() => state, commit),
    events: () => state.events,
  };
}

const write = (change: Change): Write => [{ text: "in memory", values: [change] }];
const withOne = <V>(map: ReadonlyMap<string, V>, key: string, value: V) => new Map(map).set(key, value);

function orderStore(state: () => State, commit: (...all: Write[]) => void, nowMs: () => number): OrderStore {
  /** Changes one order; `undefined` refuses it. */
  const changing =
    (orderId: string, next: (order: Order) => Partial<Order> | undefined): Change =>
    (now) => {
      const order = now.orders.get(orderId);
      const changed = order === undefined ? undefined : next(order);
      if (order === undefined || changed === undefined) throw new WriteRefused(orderMoved);
      const updated = { ...order, ...changed, updatedAt: new Date(nowMs()) };
      return { ...now, orders: withOne(now.orders, orderId, updated) };
    };
  const change = (...is: Parameters<typeof changing>) => write(changing(...is));
  const moved = (order: Order, to: Status, at: string, reason: string) => ({
    status: to,
    history: [...order.history, { status: to, at, reason }],
  });

  return {
    open: (draft, at) =>
      write((now) => {
        if (now.orders.has(draft.orderId)) throw new UniqueViolation("orders_pkey");
        const opened = { ...unopened(draft, ""), updatedAt: new Date(nowMs()) };
        const order = { ...opened, history: [{ status: "pending" as const, at, reason: "" }] };
        return { ...now, orders: withOne(now.orders, draft.orderId, order) };
      }),

    markPaid: (orderId, { paymentId, receiptUrl, at }) =>
      change(orderId, (order) =>
        order.status === "pending" ? { ...moved(order, "paid", at, ""), paymentId, receiptUrl } : undefined,
      ),

    fail: (orderId, { reason, at }) =>
      write((now) => {
        if (now.orders.get(orderId)?.status !== "pending") return now;
        const failed = (order: Order) => ({ ...moved(order, "failed", at, reason), failureReason: reason });
        return changing(orderId, failed)(now);
      }),

    move: (orderId, { from, to, reason, at }) =>
      change(orderId, (order) => {
        if (order.status !== from || transition(from, to) !== "change") return undefined;
        const refundedMinor = to === "refunded" ? order.totalMinor : order.refundedMinor;
        return { ...moved(order, to, at, reason), refundedMinor };
      }),

    requestCancel: (orderId) =>
      change(orderId, (order) =>
        cancellable.includes(order.status) && !order.cancelRequested ? { cancelRequested: true } : undefined,
      ),

    noteNotification: (notification, applied) =>
      write((now) => {
        const { notificationId } = notification;
        if (now.notifications.has(notificationId)) throw new UniqueViolation("payment_notifications_pkey");
        const noted = { ...notification, applied };
        return { ...now, notifications: withOne(now.notifications, notificationId, noted) };
      }),

    findNotification: async (notificationId) => {
      const noted = state().notifications.get(notificationId);
      return noted === undefined ? undefined : { applied: noted.applied };
    },

    latestNotificationAt: async (orderId) =>
      [...state().notifications.values()]
        .filter((noted) => noted.orderId === orderId)
        .map((noted) => noted.occurredAt)
        .sort((a, b) => b.getTime() - a.getTime())[0],

    find: async (orderId) => state().orders.get(orderId),

    list: async ({ customerId, status, limit, after }) =>
      [...state().orders.values()]
        .filter((order) => customerId === undefined || order.customerId === customerId)
        .filter((order) => status === undefined || order.status === status)
        .filter((order) => after === undefined || newestFirst(order, after) > 0)
        .sort(newestFirst)
        .slice(0, limit),

    commit: async (...all) => commit(...all),
  };
}

type Placed = { readonly createdAt: Date; readonly orderId: string };

function newestFirst(a: Placed, b: Placed): number {
  return (
    b.createdAt.getTime() - a.createdAt.getTime() ||
    (a.orderId < b.orderId ? 1 : a.orderId > b.orderId ? -1 : 0)
  );
}

/** One process only, which never dies: there is nothing to claim but what was parked. */
function journal(state: () => State, commit: (...all: Write[]) => void): Journal {
  const parked = new Map<string, number>();
  const keep = (saga: Saga): Write => write((now) => ({ ...now, sagas: withOne(now.sagas, saga.id, saga) }));
  return {
    async begin({ id, saga, requestHash, input, traceparent }) {
      if (state().sagas.has(id)) return undefined;
      const begun: Saga = {
        id,
        name: saga.name,
        version: saga.options.version,
        requestHash,
        input,
        status: "running",
        position: 0,
        results: {},
        refusal: undefined,
        attempts: 0,
        fence: 1n,
        traceparent,
      };
      commit(keep(begun));
      return begun;
    },
    async advance(record, to, ...also) {
      const advanced = { ...record, ...to, attempts: 0 };
      commit(keep(advanced), ...also);
      return advanced;
    },
    async park(record, { afterMs, stuck }) {
      const status = stuck ? "stuck" : record.status;
      commit(keep({ ...record, status, attempts: record.attempts + 1 }));
      if (afterMs !== undefined) parked.set(record.id, performance.now() + afterMs);
    },
    async claim(_, limit) {
      const due = [...parked].filter(([, atMs]) => atMs <= performance.now()).slice(0, limit);
      for (const [id] of due) parked.delete(id);
      return due.flatMap(([id]) => state().sagas.get(id) ?? []);
    },
    renew: async () => {},
    release: async () => {},
    find: async (id) => state().sagas.get(id),
  };
}
