// Values of options: times, numbers, ids. Each says itself what is wrong with it.

import { InvalidArgumentError, Option } from "commander";

const unitsMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const isoPattern = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$/;

/** `2h` is two hours before now. */
export function timeOf(text: string): Date {
  const ago = /^(\d{1,6})([smhd])$/.exec(text);
  if (ago !== null) return new Date(Date.now() - Number(ago[1]) * (unitsMs[ago[2] ?? ""] ?? 0));
  const at = isoPattern.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at) || at < 0) {
    throw new InvalidArgumentError("It must be a time such as 2026-01-02, 2026-01-02T03:04:05Z or 2h.");
  }
  return new Date(at);
}

export function secondsOf(text: string): number {
  const length = /^(\d{1,7})([smhd])$/.exec(text);
  if (length === null) throw new InvalidArgumentError("It must be a time span such as 90s, 30m, 2h or 7d.");
  return (Number(length[1]) * (unitsMs[length[2] ?? ""] ?? 0)) / 1_000;
}

export function uuidOf(text: string): string {
  const id = text.toLowerCase();
  if (!uuidPattern.test(id)) throw new InvalidArgumentError("It must be a UUID.");
  return id;
}

export function uuidsOf(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), uuidOf(text)];
}

export function wholeOf(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (/^\d{1,9}$/.test(text) && number >= min && number <= max) return number;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

const limitDefault = 50;

export const limitOption = () =>
  new Option("--limit <n>", "how many at most").argParser(wholeOf(1, 1_000)).default(limitDefault);

export const sinceOption = (what: string) => new Option("--since <time>", what).argParser(timeOf);
export const beforeOption = (what: string) => new Option("--before <time>", what).argParser(timeOf);
/** `why` goes to the audit log. */
export const reasonOption = () =>
  new Option("--reason <why>", "why, for the audit log; at most 200 characters");
export const requiredReasonOption = () =>
  new Option(
    "--reason <why>",
    "required: why, for the audit log; at most 200 characters",
  ).makeOptionMandatory();

const pageSizeMax = 100;

/** Asks for page after page until there are `limit`. `more`: whether there would be others. */
export async function upTo<T>(
  limit: number,
  pageOf: (is: { pageSize: number; pageToken: string }) => Promise<{ items: readonly T[]; next: string }>,
): Promise<{ items: T[]; more: boolean }> {
  const items: T[] = [];
  let pageToken = "";
  do {
    const pageSize = Math.min(pageSizeMax, limit - items.length);
    const page = await pageOf({ pageSize, pageToken });
    items.push(...page.items);
    pageToken = page.next;
  } while (pageToken !== "" && items.length < limit);
  return { items, more: pageToken !== "" };
}
