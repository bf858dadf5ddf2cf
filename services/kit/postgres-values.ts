// Values on their way to Postgres and back: bigint for int8, text for numeric and date, Date for timestamptz.
//
// Invariants:
//   V1. A value that cannot be sent is refused before the first byte of its commit is written. The driver finds
//       out in the middle, when the statements before it are on their way and the COMMIT behind it follows.

import pg from "pg";

export type WireValue = string | Buffer | null;

// The protocol counts a statement's values in 16 bits.
const valuesMax = 65_535;

export function toWireValues(values: readonly unknown[]): WireValue[] {
  if (values.length > valuesMax) throw new RangeError(`a statement takes at most ${valuesMax} values`);
  const wire = new Array<WireValue>(values.length);
  for (let index = 0; index < values.length; index++) wire[index] = toWire(values[index]);
  return wire;
}

function toWire(value: unknown): WireValue {
  if (typeof value === "string") return value;
  if (value === null || value === undefined) return null;
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean")
    return String(value);
  if (typeof value !== "object") throw new TypeError(`a ${typeof value} cannot be a value of a statement`);
  if (value instanceof Date) return value.toISOString();
  if (Buffer.isBuffer(value)) return value;
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (Array.isArray(value)) return arrayLiteral(value);
  return JSON.stringify(value);
}

/** An array as Postgres writes it: `{"a","b",NULL}`. An array for a jsonb column is stringified by the caller. */
function arrayLiteral(items: readonly unknown[]): string {
  const parts = items.map((item) => {
    if (Array.isArray(item)) return arrayLiteral(item);
    const wire = toWire(item);
    if (wire === null) return "NULL";
    const text = typeof wire === "string" ? wire : `\\x${wire.toString("hex")}`;
    return `"${text.replace(/["\\]/g, "\\$&")}"`;
  });
  return `{${parts.join(",")}}`;
}

const { builtins, getTypeParser } = pg.types;
const int8Array: number = 1016;
const parseInt8Texts = getTypeParser(int8Array, "text") as unknown as (text: string) => (string | null)[];

const parsers = new Map<number, (text: string) => unknown>([
  [builtins.INT8, (text) => BigInt(text)],
  [int8Array, (text) => parseInt8Texts(text).map((item) => (item === null ? null : BigInt(item)))],
  // A date has no time zone; the driver would make it midnight wherever the process happens to run.
  [builtins.DATE, (text) => text],
]);

/** The driver's own parsers but for those above; given to each connection, never set for the whole process. */
export const valueTypes: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: "text" | "binary") =>
    (format !== "binary" && parsers.get(oid)) ||
    getTypeParser(oid, format as "text")) as typeof getTypeParser,
};
