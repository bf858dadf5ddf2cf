// Compare the orders, the payments, the books and the provider's own list with each other.
//
// Invariants:
//   C1. A difference is told only if two looks, one after the other, found it the same to the cent. The first look reads
//       all four lists once, side by side, and what it finds may only be under way: an order that changed while
//       the lists were read, an event that is not booked yet. The second asks for each such order by itself.
//   C2. What it takes is bounded: two pages of each list, the groups that wait for their order (merge-by-order.ts), and
//       the orders that differ. At a bound it stops and says `truncated`; it never leaves out anything silently.
//   C3. It changes nothing.

import { currentContext, delay, inContext } from "@webstore/kit";
import { type Difference, keyOf } from "./difference.ts";
import type { Entry } from "./entry.ts";
import type { EntryStore } from "./entry-store.ts";
import { type Group, mergeByOrder } from "./merge-by-order.ts";
import { differencesOf } from "./reconciliation.ts";
import {
  type ListParts,
  openLists,
  openProviderList,
  readOrder,
  readPayments,
} from "./reconciliation-lists.ts";
import { type Comparison, differencesMax } from "./reconciliation-store.ts";

export type ReconcileParts = ListParts & {
  readonly store: Pick<EntryStore, "ofOrders" | "firstBookings">;
  readonly delayMs?: (ms: number) => Promise<void>;
};

/** Payments created at or after `sinceMs` and before `beforeMs`; an order without one counts by its own time. */
export type ReconcileWindow = { readonly sinceMs: number; readonly beforeMs: number };

/** What changed this recently may be under way. */
export const inFlightMs = 60_000;

const batchMax = 100;
/** How far the clocks of orders, payments and the provider may be apart. */
const slackMs = 60_000;
/** About 1 KB each. */
const waitingMax = 20_000;
/** How long what is under way gets to arrive before the next look. */
const settleMs = 2_000;
const sayEvery = 10_000;
const looksAtOnce = 8;
/** The first, the second, and a third for what only the second showed whole. */
const looksMax = 3;

export function reconcile(parts: ReconcileParts, window: ReconcileWindow): Promise<Comparison> {
  // In the service's own name: it may be shared, and outlast the token of who asked first.
  const context = { ...currentContext(), bearerToken: undefined };
  return inContext(context, () => compare(parts, window));
}

async function compare(parts: ReconcileParts, window: ReconcileWindow): Promise<Comparison> {
  const startedAtMs = parts.nowMs();
  const { suspects, counts, isComplete } = await firstLook(parts, window);
  const differences = suspects.length === 0 ? [] : await confirm(parts, suspects);
  const endedAtMs = parts.nowMs();
  return {
    atMs: endedAtMs,
    durationMs: endedAtMs - startedAtMs,
    ordersCompared: counts.order,
    paymentsCompared: counts.payment,
    providerPaymentsCompared: counts.provider,
    differences: differences.slice(0, differencesMax),
    truncated: !isComplete || differences.length > differencesMax,
  };
}

type Suspect = { readonly group: Group; readonly found: readonly Difference[] };
type Counts = { order: number; payment: number; provider: number; booking: number };

async function firstLook(
  parts: ReconcileParts,
  window: ReconcileWindow,
): Promise<{ suspects: Suspect[]; counts: Counts; isComplete: boolean }> {
  const counts: Counts = { order: 0, payment: 0, provider: 0, booking: 0 };
  const suspects: Suspect[] = [];
  let batch: Group[] = [];
  let taken = 0;
  const look = async () => {
    suspects.push(...(await suspectsOf(parts, batch)));
    batch = [];
  };
  const onTaken = (what: keyof Counts, timeMs: number) => {
    if (timeMs >= window.sinceMs && timeMs < window.beforeMs) counts[what] += 1;
    taken += 1;
    if (taken % sayEvery === 0) parts.log.info({ ...counts, suspects: suspects.length }, "comparing");
  };
  let isComplete = true;
  const onOverflow = () => {
    isComplete = false;
    parts.log.warn({ ...counts, waitingMax }, "the lists do not fit each other; the comparison ends early");
  };
  const lists = openLists(parts, window.sinceMs - slackMs);
  for await (const group of mergeByOrder(lists, { slackMs, waitingMax, onTaken, onOverflow })) {
    if (!isWithin(group, window)) continue;
    batch.push(group);
    if (batch.length === batchMax) await look();
    if (suspects.length >= differencesMax) return { suspects, counts, isComplete: false };
  }
  await look();
  return { suspects, counts, isComplete };
}

function isWithin({ order, payments, provider, bookedAtMs }: Group, window: ReconcileWindow): boolean {
  const timeMs =
    payments.at(-1)?.createTimeMs ?? order?.createTimeMs ?? provider.at(-1)?.createTimeMs ?? bookedAtMs ?? 0;
  return timeMs >= window.sinceMs && timeMs < window.beforeMs;
}

async function suspectsOf(
  { store, nowMs }: Pick<ReconcileParts, "store" | "nowMs">,
  groups: readonly Group[],
): Promise<Suspect[]> {
  const entriesOf = await entriesByOrder(store, groups);
  return groups.flatMap((group) => {
    const found = differencesOf({ ...group, entries: entriesOf(group.orderId) }, nowMs());
    return found.length === 0 ? [] : [{ group, found }];
  });
}

/** What is found twice, one look after the other, stands; what is found anew is looked at once more. */
async function confirm(parts: ReconcileParts, first: readonly Suspect[]): Promise<Difference[]> {
  const { delayMs = pause, nowMs } = parts;
  const standing: Difference[] = [];
  let suspects = first;
  for (let look = 2; look <= looksMax && suspects.length > 0; look += 1) {
    const changedAtMs = suspects.flatMap(({ group }) => timesOf(group)).reduce((a, b) => Math.max(a, b), 0);
    if (nowMs() - changedAtMs < inFlightMs) await delayMs(settleMs);
    const before = new Set(suspects.flatMap(({ found }) => found.map(keyOf)));
    const again = await reread(parts, suspects);
    const anew: Suspect[] = [];
    for (let at = 0; at < again.length; at += batchMax) {
      for (const suspect of await suspectsOf(parts, again.slice(at, at + batchMax))) {
        const stood = suspect.found.filter((each) => before.has(keyOf(each)));
        standing.push(...stood);
        if (stood.length < suspect.found.length) {
          anew.push({ ...suspect, found: suspect.found.filter((each) => !stood.includes(each)) });
        }
      }
    }
    suspects = anew;
  }
  return standing;
}

const pause = (ms: number) => delay(ms, currentContext().signal);

const timesOf = ({ order, payments, provider }: Group): number[] => [
  0,
  ...(order === undefined ? [] : [order.createTimeMs, order.updateTimeMs]),
  ...payments.flatMap(({ createTimeMs, updateTimeMs }) => [createTimeMs, updateTimeMs]),
  ...provider.map(({ createTimeMs }) => createTimeMs),
];

/** The same orders, each asked for by its id, and the provider's list of the time that they are from. */
async function reread(parts: ReconcileParts, suspects: readonly Suspect[]): Promise<Group[]> {
  const orderIdOf = new Map(suspects.map(({ group }) => [group.key, group.orderId]));
  const wanted = [...orderIdOf];
  const groups: Group[] = [];
  const ask = async ([key, orderId]: readonly [string, string]): Promise<Group> => {
    const [order, payments] =
      orderId === ""
        ? [undefined, []]
        : await Promise.all([readOrder(parts, orderId), readPayments(parts, orderId)]);
    return { key, orderId, order, payments, provider: [], bookedAtMs: undefined };
  };
  for (let at = 0; at < wanted.length; at += looksAtOnce) {
    groups.push(...(await Promise.all(wanted.slice(at, at + looksAtOnce).map(ask))));
  }
  await rereadProvider(parts, groups, suspects);
  return groups;
}

async function rereadProvider(
  parts: ReconcileParts,
  groups: readonly Group[],
  suspects: readonly Suspect[],
): Promise<void> {
  const owners = new Map<string, Group>();
  for (const group of groups) {
    owners.set(group.key, group);
    for (const { providerReference } of group.payments) {
      if (providerReference !== "") owners.set(providerReference, group);
    }
  }
  const times = [...suspects.map(({ group }) => group), ...groups]
    .flatMap(timesOf)
    .filter((timeMs) => timeMs > 0);
  if (times.length === 0) return;
  const sinceMs = times.reduce((a, b) => Math.min(a, b)) - slackMs;
  const beforeMs = times.reduce((a, b) => Math.max(a, b)) + slackMs;
  const list = openProviderList(parts, sinceMs, beforeMs);
  for (let view = await list.head(); view !== undefined; view = await list.head()) {
    list.take();
    const owner = owners.get(view.providerReference) ?? owners.get(view.orderId);
    owner?.provider.push(view);
  }
}

/** The entries of these groups, a statement for all. */
async function entriesByOrder(
  store: Pick<EntryStore, "ofOrders">,
  groups: readonly Group[],
): Promise<(orderId: string) => readonly Entry[]> {
  const orderIds = [...new Set(groups.map(({ orderId }) => orderId).filter((orderId) => orderId !== ""))];
  if (orderIds.length === 0) return () => [];
  const byOrder = Map.groupBy(await store.ofOrders(orderIds), ({ orderId }) => orderId);
  return (orderId) => byOrder.get(orderId) ?? [];
}
