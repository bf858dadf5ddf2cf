// Text for a terminal: tables of 100 columns, or of all that a wider terminal has, ages, JSON.
//
// Invariant P1: what comes from the store is data. No character of it that a terminal would obey is printed.

const columnsMin = 100;
const gap = "  ";
const cutMin = 6;

/** On one line, without what a terminal obeys: control characters, escapes, changes of direction. */
export function plain(text: string): string {
  return text.replace(/[\s\p{Zl}\p{Zp}]+/gu, " ").replace(/[\p{Cc}\p{Cf}\p{Cs}]/gu, "\ufffd");
}

/** Keeps its lines. */
export function plainLines(text: string): string {
  return text.split("\n").map(keepIndent).join("\n");
}

function keepIndent(line: string): string {
  const indent = /^ */.exec(line)?.[0] ?? "";
  return indent + plain(line.slice(indent.length));
}

export function say(...lines: readonly string[]): void {
  for (const line of lines) process.stdout.write(`${line}\n`);
}

export function sayJson(value: unknown): void {
  say(JSON.stringify(value, null, 2));
}

export type Column<T> = {
  readonly title: string;
  readonly of: (row: T) => string;
  /** Numbers stand under each other. */
  readonly right?: true;
  /** Is cut to so many characters. */
  readonly max?: number;
  /** Is cut when the line would be too long; one of a table's columns, the last. */
  readonly cut?: true;
};

export function table<T>(columns: readonly Column<T>[], rows: readonly T[]): string[] {
  const cells = rows.map((row) => columns.map(({ of, max = Infinity }) => shortened(plain(of(row)), max)));
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...cells.map((row) => lengthOf(row[index] ?? ""))),
  );
  const others = columns.flatMap(({ cut }, index) => (cut ? [] : [(widths[index] ?? 0) + gap.length]));
  const left = Math.max(
    cutMin,
    others.reduce((rest, width) => rest - width, Math.max(columnsMin, process.stdout.columns ?? 0)),
  );
  const line = (row: readonly string[]) =>
    columns
      .map(({ right, cut }, index) => {
        const width = cut ? Math.min(widths[index] ?? 0, left) : (widths[index] ?? 0);
        return padded(shortened(row[index] ?? "", width), width, right === true);
      })
      .join(gap)
      .trimEnd();
  return [line(columns.map(({ title }) => title)), ...cells.map(line)];
}

/** Names and values, one a line; those that are empty are left out. */
export function facts(pairs: readonly (readonly [name: string, value: string])[]): string[] {
  const given = pairs.filter(([, value]) => value !== "");
  const width = Math.max(...given.map(([name]) => name.length));
  return given.map(([name, value]) => `${name.padEnd(width)}${gap}${plain(value)}`);
}

const lengthOf = (text: string) => [...text].length;

function shortened(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join("")}…`;
}

function padded(text: string, width: number, right: boolean): string {
  const blank = " ".repeat(Math.max(0, width - lengthOf(text)));
  return right ? blank + text : text + blank;
}

const units = [
  ["d", 86_400],
  ["h", 3_600],
  ["m", 60],
] as const;

/** How long ago, in its greatest unit: `5d`, `3h`, `12m`, `40s`. */
export function age(atMs: number | undefined, nowMs: number): string {
  if (atMs === undefined) return "-";
  const seconds = Math.max(0, Math.floor((nowMs - atMs) / 1_000));
  const unit = units.find(([, length]) => seconds >= length);
  return unit === undefined ? `${seconds}s` : `${Math.floor(seconds / unit[1])}${unit[0]}`;
}

export function timeText(atMs: number | undefined): string {
  return atMs === undefined ? "" : new Date(atMs).toISOString();
}

/** `1 order`, `2 orders`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
