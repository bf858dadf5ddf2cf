// The orders in memory, with the outbox and the saga's journal that stand or fall with them.
//
// A Write is a statement here too; its one value is the change itself, from one state to the next. A commit makes all of
// them on a copy that nobody sees before the last, so nothing of a commit stands when one of them throws.

import { type Outbox, UniqueViolation, type Write, WriteRefused, writes } from "@webstore/kit";
import { keptFee } from "./cancellation.ts";
import { cancellable, type Order, refundedStatus, type Status, transition } from "./order.ts";
import { type OrderStore, orderMoved, type PaymentNotification } from "./order-store.ts";
import { type KeptSaga, memoryJournal } from "./saga-journal.memory.ts";

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
  readonly sagas: ReadonlyMap<
    string,
    { readonly saga: KeptSaga; readonly createdAtMs: number; readonly updatedAtMs: number }
  >;
  readonly events: readonly PublishedEvent[];
};
type Change = (state: State) => State;

export type MemoryOrders = {
  readonly store: OrderStore;
  readonly outbox: Outbox;
  readonly journal: ReturnType<typeof memoryJournal>;
  sagas(): readonly { readonly saga: KeptSaga; readonly createdAtMs: number; readonly updatedAtMs: number }[];
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
    journal: memoryJournal({
      find: (id) => state.sagas.get(id)?.saga,
      keep: (saga, ...also) => {
        const updatedAtMs = is.nowMs();
        const createdAtMs = state.sagas.get(saga.id)?.createdAtMs ?? updatedAtMs;
        const kept = { saga, createdAtMs, updatedAtMs };
        commit(
          write((now) => ({ ...now, sagas: withOne(now.sagas, saga.id, kept) })),
          ...also,
        );
      },
    }),
    sagas: () => [...state.sagas.values()],
    events: () => state.events,
  };
}

const write = (change: Change): Write => [{ text: "in memory", values: [change] }];
const withOne = <V>(map: ReadonlyMap<string, V>, key: string, value: V) => new Map(map).set(key, value);

/** What becomes of an order; `undefined`: the condition of the change does not hold (O4). */
type Next = (order: Order) => Partial<Order> | undefined;

const moved = (order: Order, to: Status, at: string, reason: string) => ({
  status: to,
  history: [...order.history, { status: to, at, reason }],
});

const isToBeCancelled = ({ status, cancelRequested }: Order) =>
  cancelRequested && cancellable.includes(status) && status !== "pending";

type Changed = "markPaid" | "fail" | "move" | "noteNotCancelled";

const changes: { [M in Changed]: (is: Parameters<OrderStore[M]>[1]) => Next } = {
  markPaid:
    ({ paymentId, receiptUrl, at }) =>
    (order) =>
      order.status === "pending" && !order.cancelRequested
        ? { ...moved(order, "paid", at, ""), paymentId, receiptUrl }
        : undefined,

  fail:
    ({ to, reason, at }) =>
    (order) =>
      order.status === "pending"
        ? { ...moved(order, to, at, reason), failureReason: to === "failed" ? reason : "" }
        : undefined,

  move:
    ({ from, to, reason, at }) =>
    (order) => {
      const isUnpriced = to === "processing" && !order.priced;
      if (order.status !== from || transition(from, to) !== "change") return undefined;
      return isUnpriced || order.cancelRequested ? undefined : moved(order, to, at, reason);
    },

  noteNotCancelled:
    ({ reason, at }) =>
    (order) =>
      isToBeCancelled(order) && order.history.at(-1)?.reason !== reason
        ? moved(order, order.status, at, reason)
        : undefined,
};

const cancelled = (before: Order, is: { feeMinor: bigint; reason: string; at: string }): Next => {
  const { feeMinor, reason, at } = is;
  return (order) => {
    const isAsBefore = order.status === before.status && order.refundedMinor === before.refundedMinor;
    if (!isAsBefore || !isToBeCancelled(order)) return undefined;
    return { ...moved(order, "cancelled", at, reason), feeMinor };
  };
};

const refunded = (before: Order, is: { refundedMinor: bigint; reason: string; at: string }): Next => {
  const { refundedMinor, reason, at } = is;
  return (order) => {
    const isAsBefore =
      order.status === before.status &&
      order.refundedMinor === before.refundedMinor &&
      order.cancelRequested === before.cancelRequested;
    if (!isAsBefore || refundedMinor <= order.refundedMinor || order.paymentId === "") return undefined;
    const to = refundedStatus(order, refundedMinor);
    const feeMinor = keptFee({ ...order, refundedMinor }, order.feeMinor);
    return { ...(to === order.status ? {} : moved(order, to, at, reason)), refundedMinor, feeMinor };
  };
};

function orderStore(state: () => State, commit: (...all: Write[]) => void, nowMs: () => number): OrderStore {
  const changed = (now: State, order: Order, by: Partial<Order>): State => {
    const updated = { ...order, ...by, updatedAt: new Date(nowMs()) };
    return { ...now, orders: withOne(now.orders, order.orderId, updated) };
  };
  /** `otherwise`: what becomes of it when the condition does not hold. */
  const changing = (orderId: string, next: Next, otherwise: "refuse" | "leave" = "refuse"): Write =>
    write((now) => {
      const order = now.orders.get(orderId);
      const by = order === undefined ? undefined : next(order);
      if (order !== undefined && by !== undefined) return changed(now, order, by);
      if (otherwise === "leave") return now;
      throw new WriteRefused(orderMoved);
    });

  const move: OrderStore["move"] = (orderId, is) => changing(orderId, changes.move(is));

  return {
    open: (order) =>
      write((now) => {
        if (now.orders.has(order.orderId)) throw new UniqueViolation("orders_pkey");
        return changed(now, order, {});
      }),
    markPaid: (orderId, is) => changing(orderId, changes.markPaid(is)),
    givenBy: () => undefined,
    fail: (orderId, is) => changing(orderId, changes.fail(is), "leave"),
    move,
    price: (orderId, price) =>
      changing(orderId, (order) =>
        order.status === "new" && !order.priced ? { ...price, priced: true } : undefined,
      ),
    requestCancel: (orderId) =>
      changing(orderId, ({ status, cancelRequested }) =>
        cancellable.includes(status) && !cancelRequested ? { cancelRequested: true } : undefined,
      ),
    expectCancellable: (orderId) =>
      write((now) => {
        const order = now.orders.get(orderId);
        if (order === undefined || !isToBeCancelled(order)) throw new WriteRefused(orderMoved);
        return now;
      }),
    cancel: (before, is) => changing(before.orderId, cancelled(before, is)),
    noteNotCancelled: (orderId, is) => changing(orderId, changes.noteNotCancelled(is), "leave"),
    refund: (before, is) => changing(before.orderId, refunded(before, is)),

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
    find: async (orderId) => state().orders.get(orderId),
    list: async (is) => listed([...state().orders.values()], is),
    commit: async (...all) => commit(...all),
    commitMove: async (orderId, is, ...also) => {
      commit(move(orderId, is), ...also);
      return state().orders.get(orderId) as Order;
    },
  };
}

function listed(orders: readonly Order[], is: Parameters<OrderStore["list"]>[0]): Order[] {
  const { customerId, status, limit, after } = is;
  return orders
    .filter((order) => customerId === undefined || order.customerId === customerId)
    .filter((order) => status === undefined || order.status === status)
    .filter((order) => after === undefined || newestFirst(order, after) > 0)
    .sort(newestFirst)
    .slice(0, limit);
}

type Placed = { readonly createdAt: Date; readonly orderId: string };

function newestFirst(a: Placed, b: Placed): number {
  return (
    b.createdAt.getTime() - a.createdAt.getTime() ||
    (a.orderId < b.orderId ? 1 : a.orderId > b.orderId ? -1 : 0)
  );
}
