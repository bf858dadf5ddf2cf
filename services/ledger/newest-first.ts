// A list that is read page by page, from the newest to the oldest: the item at its head, and the page behind it already
// asked for. At most two pages are in memory.

export type Page<T> = { readonly items: readonly T[]; readonly nextPageToken: string };

export type NewestFirst<T> = {
  /** The newest that was not taken; undefined at the end. */
  head(): Promise<T | undefined>;
  /** Takes the head away. */
  take(): void;
};

export function openNewestFirst<T>(is: {
  readonly read: (pageToken: string) => Promise<Page<T>>;
  readonly timeOf: (item: T) => number;
  /** Where it ends: what is older is not given. */
  readonly sinceMs: number;
}): NewestFirst<T> {
  let page: readonly T[] = [];
  let at = 0;
  let coming: Promise<Page<T>> | undefined = ask("");

  function ask(pageToken: string): Promise<Page<T>> {
    const asked = is.read(pageToken);
    // It is awaited later, or never when the comparison ends early.
    asked.catch(() => {});
    return asked;
  }

  return {
    async head() {
      while (at >= page.length && coming !== undefined) {
        const { items, nextPageToken } = await coming;
        const last = items.at(-1);
        const isOver = last !== undefined && is.timeOf(last) < is.sinceMs;
        coming = nextPageToken === "" || isOver ? undefined : ask(nextPageToken);
        page = items;
        at = 0;
      }
      const item = page[at];
      return item === undefined || is.timeOf(item) < is.sinceMs ? undefined : item;
    },
    take() {
      at += 1;
    },
  };
}
