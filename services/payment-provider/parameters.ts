// Gives the strings of a request their types, or refuses them the way Stripe does. Every limit on
// what a caller may send in a parameter stands here.

import { invalidRequest } from "./api-error.ts";
import type { Params } from "./form.ts";

const amountMax = 99_999_999;
const metadataKeysMax = 50;
const metadataKeyLengthMax = 40;
const metadataValueLengthMax = 500;
const pageSizeMax = 100;
const expandMax = 20;
const currencies = new Set(Intl.supportedValuesOf("currency").map((code) => code.toLowerCase()));

export type Metadata = Readonly<Record<string, string>>;

/** Refuses what the operation does not know: a misspelt parameter must not pass silently. */
export function only(params: Params, known: ReadonlySet<string>): void {
  for (const name in params) {
    if (known.has(name)) continue;
    const shown = name.slice(0, 100);
    throw invalidRequest(`Received unknown parameter: ${shown}`, { param: shown, code: "parameter_unknown" });
  }
}

export function missing(param: string): Error {
  return invalidRequest(`Missing required param: ${param}.`, { param, code: "parameter_missing" });
}

export function readText(params: Params, name: string, lengthMax = 500): string | undefined {
  const value = params[name];
  if (value === undefined || value === "") return undefined;
  if (typeof value !== "string") throw invalidRequest("Invalid string.", { param: name });
  if (value.length > lengthMax) {
    throw invalidRequest(`Invalid string: must be at most ${lengthMax} characters.`, { param: name });
  }
  return value;
}

/** Whole numbers ≥ 1. */
export function readAmount(params: Params, name: string): number | undefined {
  const text = readText(params, name, 40);
  if (text === undefined) return undefined;
  const is = { param: name, code: "parameter_invalid_integer" };
  if (!/^-?\d+$/.test(text)) throw invalidRequest(`Invalid integer: ${text}`, is);
  const amount = Number(text);
  if (amount < 1) throw invalidRequest("This value must be greater than or equal to 1.", is);
  if (amount > amountMax) {
    throw invalidRequest("Amount must be no more than $999,999.99", {
      param: name,
      code: "amount_too_large",
    });
  }
  return amount;
}

export function readCurrency(params: Params): string {
  const text = readText(params, "currency", 40);
  if (text === undefined) throw missing("currency");
  if (!currencies.has(text)) {
    throw invalidRequest(`Invalid currency: ${text}. Currencies are lower-case ISO 4217 codes.`, {
      param: "currency",
    });
  }
  return text;
}

export function readFlag(params: Params, name: string): boolean {
  const text = readText(params, name, 40);
  if (text === undefined) return false;
  if (text !== "true" && text !== "false") throw invalidRequest(`Invalid boolean: ${text}`, { param: name });
  return text === "true";
}

export function readChoice<const T extends string>(
  params: Params,
  name: string,
  choices: readonly T[],
): T | undefined {
  const text = readText(params, name, 100);
  if (text === undefined) return undefined;
  const choice = choices.find((one) => one === text);
  if (choice === undefined) {
    throw invalidRequest(`Invalid ${name}: must be one of ${choices.join(", ")}`, { param: name });
  }
  return choice;
}

/** A list such as `expand[]`; it may come with or without indexes. */
export function readList(params: Params, name: string, countMax: number): string[] {
  const value = params[name];
  if (value === undefined || value === "") return [];
  if (typeof value === "string") throw invalidRequest("Invalid array", { param: name });
  const items = Object.values(value);
  if (items.length > countMax) {
    throw invalidRequest(`Invalid array: at most ${countMax} items.`, { param: name });
  }
  return items.map((item) => {
    if (typeof item === "string") return item;
    throw invalidRequest("Invalid array", { param: name });
  });
}

export function readExpand(params: Params): string[] {
  return params.expand === undefined ? [] : readList(params, "expand", expandMax);
}

/** undefined: not sent; "clear": sent empty; otherwise the keys to set, where an empty value removes its key. */
export function readMetadata(params: Params): Metadata | "clear" | undefined {
  const value = params.metadata;
  if (value === undefined) return undefined;
  if (value === "") return "clear";
  if (typeof value === "string") throw invalidRequest("Invalid hash", { param: "metadata" });
  const metadata: Record<string, string> = {};
  const keys = Object.keys(value);
  if (keys.length > metadataKeysMax) {
    throw invalidRequest(`Metadata can have up to ${metadataKeysMax} keys.`, { param: "metadata" });
  }
  for (const key of keys) {
    const text = value[key];
    if (typeof text !== "string")
      throw invalidRequest("Metadata values must be strings.", { param: "metadata" });
    if (key.length > metadataKeyLengthMax || text.length > metadataValueLengthMax) {
      throw invalidRequest(
        `Metadata keys can have up to ${metadataKeyLengthMax} characters, values up to ${metadataValueLengthMax}.`,
        { param: "metadata" },
      );
    }
    metadata[key] = text;
  }
  return metadata;
}

/** What was there, with what was sent. */
export function mergeMetadata(old: Metadata, sent: Metadata | "clear" | undefined): Metadata {
  if (sent === undefined) return old;
  if (sent === "clear") return {};
  const merged = Object.entries({ ...old, ...sent }).filter(([, value]) => value !== "");
  if (merged.length > metadataKeysMax) {
    throw invalidRequest(`Metadata can have up to ${metadataKeysMax} keys.`, { param: "metadata" });
  }
  return Object.fromEntries(merged);
}

export type Page = {
  readonly limit: number;
  readonly startingAfter: string | undefined;
  readonly endingBefore: string | undefined;
  /** Both ends included, in seconds since the epoch. */
  readonly createdMin: number;
  readonly createdMax: number;
};

export const pageParams = ["limit", "starting_after", "ending_before", "created", "expand"] as const;

function readSeconds(text: string | Params | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (typeof text !== "string" || !/^\d{1,12}$/.test(text)) {
    throw invalidRequest("Invalid timestamp: must be an integer", { param: "created" });
  }
  return Number(text);
}

function readCreated(params: Params): { createdMin: number; createdMax: number } {
  const created = params.created ?? {};
  if (typeof created === "string") {
    const exactly = readSeconds(created) ?? 0;
    return { createdMin: exactly, createdMax: exactly };
  }
  only(created, new Set(["gt", "gte", "lt", "lte"]));
  const after = readSeconds(created.gt);
  const before = readSeconds(created.lt);
  return {
    createdMin: Math.max(readSeconds(created.gte) ?? 0, after === undefined ? 0 : after + 1),
    createdMax: Math.min(
      readSeconds(created.lte) ?? Number.MAX_SAFE_INTEGER,
      before === undefined ? Number.MAX_SAFE_INTEGER : before - 1,
    ),
  };
}

export function readPage(params: Params): Page {
  const limit = readAmount(params, "limit") ?? 10;
  if (limit > pageSizeMax) {
    throw invalidRequest(`This value must be less than or equal to ${pageSizeMax}.`, { param: "limit" });
  }
  const startingAfter = readText(params, "starting_after", 100);
  const endingBefore = readText(params, "ending_before", 100);
  if (startingAfter !== undefined && endingBefore !== undefined) {
    throw invalidRequest("You can only pass one of starting_after and ending_before.", {
      param: "ending_before",
    });
  }
  return { limit, startingAfter, endingBefore, ...readCreated(params) };
}
