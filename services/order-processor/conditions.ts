// The `where` of a statement that is put together from the filters that are given, with its values beside it.

export type Conditions = {
  /** Adds a condition; `text` gets the places of the values that are given with it. */
  and(text: (...places: string[]) => string, ...given: readonly unknown[]): void;
  /** A place for a value that is no condition, such as a limit. */
  place(value: unknown): string;
  /** `where …`, or nothing. */
  readonly text: string;
  readonly values: readonly unknown[];
};

export function openConditions(): Conditions {
  const values: unknown[] = [];
  const conditions: string[] = [];
  const place = (value: unknown) => `$${values.push(value)}`;
  return {
    and: (text, ...given) => void conditions.push(text(...given.map(place))),
    place,
    get text() {
      return conditions.length === 0 ? "" : `where ${conditions.join(" and ")}`;
    },
    values,
  };
}
