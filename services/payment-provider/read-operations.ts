// Retrieving and listing: the same for every kind of object, so it is written once.

import { noSuch } from "./api-error.ts";
import type { Collection, Listed } from "./collection.ts";
import { checkExpand, withExpanded } from "./expansion.ts";
import type { Params } from "./form.ts";
import { only, type Page, pageParams, readPage, readText } from "./parameters.ts";
import type { Operation, Store } from "./provider.ts";

type Kept = { readonly id: string; readonly created: number };
const retrieveParams = new Set(["expand"]);

export function retrieve<T extends Kept>(
  kind: string,
  collectionOf: (store: Store) => Collection<T>,
): Operation {
  return {
    scenarioName: undefined,
    forShoppers: false,
    parse(params, id) {
      only(params, retrieveParams);
      const expand = checkExpand(params);
      return {
        about: undefined,
        execute({ store }) {
          const text = collectionOf(store).findText(id);
          if (text === undefined) throw noSuch(kind, id, "id", 404);
          return expand.length === 0 ? text : withExpanded(store, JSON.parse(text) as object, expand);
        },
      };
    },
  };
}

/** What a list is filtered by: the parent's id, `all`, or `nothing` when the filter matches nothing. */
type Filter = { readonly parent: string } | "all" | "nothing";

function list<T extends Kept>(
  url: string,
  collectionOf: (store: Store) => Collection<T>,
  filterParams: readonly string[],
  filterOf: (params: Params) => (store: Store) => Filter,
): Operation {
  const known = new Set([...pageParams, ...filterParams]);
  return {
    scenarioName: undefined,
    forShoppers: false,
    parse(params) {
      only(params, known);
      const page: Page = readPage(params);
      const expand = checkExpand(params);
      const filterIn = filterOf(params);
      return {
        about: undefined,
        execute({ store }) {
          const filter = filterIn(store);
          const nothing: Listed = { items: [], hasMore: false };
          const parent = typeof filter === "string" ? undefined : filter.parent;
          const { items, hasMore } = filter === "nothing" ? nothing : collectionOf(store).list(page, parent);
          const text = `{"object":"list","data":[${items.join(",")}],"has_more":${hasMore},"url":"${url}"}`;
          return expand.length === 0 ? text : withExpanded(store, JSON.parse(text) as object, expand);
        },
      };
    },
  };
}

const all = () => () => "all" as const;

function byOne(name: string) {
  return (params: Params) => {
    const parent = readText(params, name, 255);
    return (): Filter => (parent === undefined ? "all" : { parent });
  };
}

/** Refunds and disputes belong to a charge; asked for by payment intent, it is the intent's charge that counts. */
function byCharge(params: Params) {
  const chargeId = readText(params, "charge", 255);
  const intentId = readText(params, "payment_intent", 255);
  return (store: Store): Filter => {
    if (intentId === undefined) return chargeId === undefined ? "all" : { parent: chargeId };
    const taken = store.paymentIntents.find(intentId)?.latest_charge ?? undefined;
    if (taken === undefined || (chargeId !== undefined && chargeId !== taken)) return "nothing";
    return { parent: taken };
  };
}

export const listPaymentIntents = list("/v1/payment_intents", (store) => store.paymentIntents, [], all);
export const listCharges = list(
  "/v1/charges",
  (store) => store.charges,
  ["payment_intent"],
  byOne("payment_intent"),
);
export const listEvents = list("/v1/events", (store) => store.events, ["type"], byOne("type"));
export const listRefunds = list(
  "/v1/refunds",
  (store) => store.refunds,
  ["charge", "payment_intent"],
  byCharge,
);
export const listDisputes = list(
  "/v1/disputes",
  (store) => store.disputes,
  ["charge", "payment_intent"],
  byCharge,
);
export const listBalanceTransactions = list(
  "/v1/balance_transactions",
  (store) => store.balanceTransactions,
  ["source"],
  byOne("source"),
);
