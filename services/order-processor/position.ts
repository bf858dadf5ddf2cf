// Places in a list that is ordered by time and, within a millisecond, by id: the newest first.

export type Position = { readonly atMs: number; readonly id: string };

export function newestFirst(a: Position, b: Position): number {
  if (a.atMs !== b.atMs) return b.atMs - a.atMs;
  return a.id < b.id ? 1 : a.id > b.id ? -1 : 0;
}

/** Whether `a` comes later in the list than `b`. */
export const isAfter = (a: Position, b: Position): boolean => newestFirst(a, b) > 0;
