// What is asked for at about the same time, done together: for work that costs as much for many as for one, and that
// nobody is in a hurry for.
//
// Invariants:
//   G1. Each caller gets the result of its own item, or the error of the work that had it.
//   G2. An item waits for others `waitMs` at most, and no work has more than `itemsMax`.

export function gathered<Item, Result>(is: {
  waitMs: number;
  itemsMax: number;
  /** Gives a result for each item, in their order. */
  work: (items: readonly Item[]) => Promise<readonly Result[]>;
}): (item: Item) => Promise<Result> {
  type Asked = { item: Item; resolve: (result: Result) => void; reject: (error: unknown) => void };
  let asked: Asked[] = [];
  let timer: NodeJS.Timeout | undefined;

  const begin = () => {
    clearTimeout(timer);
    const batch = asked;
    asked = [];
    is.work(batch.map(({ item }) => item)).then(
      (results) => {
        for (const [index, { resolve }] of batch.entries()) resolve(results[index] as Result);
      },
      (error: unknown) => {
        for (const { reject } of batch) reject(error);
      },
    );
  };

  return (item) =>
    new Promise((resolve, reject) => {
      asked.push({ item, resolve, reject });
      if (asked.length === is.itemsMax) begin();
      else if (asked.length === 1) timer = setTimeout(begin, is.waitMs);
    });
}
