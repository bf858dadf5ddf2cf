// Reads `application/x-www-form-urlencoded` with Stripe's nested brackets:
// `metadata[country]=DE&expand[]=latest_charge` becomes { metadata: { country }, expand: { 0 } }.
// Lists stay objects keyed by their index; parameters.ts gives them their types.
//
// Invariant: the objects have no prototype, so that no name in a request means more than itself.

import { invalidRequest } from "./api-error.ts";

export type Params = { [name: string]: string | Params };

const pairsMax = 500;
const depthMax = 5;

export function noParams(): Params {
  return Object.create(null) as Params;
}

function decode(text: string): string {
  const spaced = text.includes("+") ? text.replaceAll("+", " ") : text;
  if (!spaced.includes("%")) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    throw invalidRequest("Invalid request: the parameters are not valid percent-encoded UTF-8.");
  }
}

/** `a[b][]` → ["a", "b", ""] */
function pathOf(name: string): string[] {
  const open = name.indexOf("[");
  if (open === -1) return [name];
  if (open === 0 || !name.endsWith("]"))
    throw invalidRequest("Invalid request: unbalanced brackets in a name.");
  const path = [name.slice(0, open), ...name.slice(open + 1, -1).split("][")];
  if (path.length > depthMax) throw invalidRequest("Invalid request: the parameters are nested too deeply.");
  if (path.some((part) => part.includes("[") || part.includes("]"))) {
    throw invalidRequest("Invalid request: unbalanced brackets in a name.");
  }
  return path;
}

function put(params: Params, path: readonly string[], value: string): void {
  let at = params;
  for (let i = 0; i < path.length; i += 1) {
    const name = path[i] === "" ? String(Object.keys(at).length) : (path[i] as string);
    const there = at[name];
    if (i === path.length - 1) {
      if (typeof there === "object")
        throw invalidRequest(`Invalid request: ${path[0]} is both a value and a hash.`);
      at[name] = value;
    } else if (there === undefined) {
      const inner = noParams();
      at[name] = inner;
      at = inner;
    } else if (typeof there === "string") {
      throw invalidRequest(`Invalid request: ${path[0]} is both a value and a hash.`);
    } else {
      at = there;
    }
  }
}

export function parseForm(text: string): Params {
  const params = noParams();
  if (text === "") return params;
  const pairs = text.split("&", pairsMax + 1);
  if (pairs.length > pairsMax) throw invalidRequest("Invalid request: too many parameters.");
  for (const pair of pairs) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = decode(equals === -1 ? pair : pair.slice(0, equals));
    if (name === "") throw invalidRequest("Invalid request: a parameter has no name.");
    put(params, pathOf(name), equals === -1 ? "" : decode(pair.slice(equals + 1)));
  }
  return params;
}
