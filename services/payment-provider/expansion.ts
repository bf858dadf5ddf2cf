// `expand[]`: ids in an answer, replaced by the objects that they name.

import { invalidRequest } from "./api-error.ts";
import type { Params } from "./form.ts";
import { readExpand } from "./parameters.ts";
import type { Store } from "./provider.ts";

type Finder = (store: Store, id: string) => object | undefined;
type Fields = Readonly<Record<string, unknown>>;
export type Expand = readonly (readonly string[])[];

const depthMax = 4;
const expandable = new Map<string, Finder>([
  ["latest_charge", (store, id) => store.charges.find(id)],
  ["charge", (store, id) => store.charges.find(id)],
  ["payment_intent", (store, id) => store.paymentIntents.find(id)],
  ["balance_transaction", (store, id) => store.balanceTransactions.find(id)],
]);

/** Reads `expand[]` and refuses, before anything happens, what can never be expanded. */
export function checkExpand(params: Params): Expand {
  return readExpand(params).map((text) => {
    const path = text.split(".");
    const known = path.every((name, index) => expandable.has(name) || (index === 0 && name === "data"));
    if (known && path.length <= depthMax) return path;
    throw invalidRequest(`This property cannot be expanded (${text.slice(0, 100)}).`, { param: "expand" });
  });
}

function expandPath(store: Store, object: Fields, path: readonly string[]): Fields {
  const [name, ...rest] = path;
  if (name === undefined) return object;
  const value = object[name];
  if (name === "data" && Array.isArray(value)) {
    return { ...object, data: value.map((item: Fields) => expandPath(store, item, rest)) };
  }
  const inner = typeof value === "string" ? expandable.get(name)?.(store, value) : value;
  if (typeof inner !== "object" || inner === null) return object;
  return { ...object, [name]: expandPath(store, inner as Fields, rest) };
}

export function withExpanded(store: Store, object: object, expand: Expand): object {
  let expanded = object as Fields;
  for (const path of expand) expanded = expandPath(store, expanded, path);
  return expanded;
}
