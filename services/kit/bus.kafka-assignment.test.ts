import fc from "fast-check";
import { expect, test } from "vitest";
import { assignPartitions } from "./bus.kafka-assignment.ts";

type Owned = Map<string, readonly number[]>;

/** A round as the members take part in it: who is to give something up does so, and asks anew. */
function rounds(owned: Owned, partitions: number): { owned: Owned; rounds: number } {
  let now = owned;
  for (let n = 1; ; n++) {
    const claims = [...now].map(([id, mine]) => ({ id, owned: mine }));
    const next = assignPartitions(claims, partitions);
    const given = [...next.values()].flat();
    expect(new Set(given).size, "nothing is given twice").toBe(given.length);
    for (const [id, mine] of next) {
      for (const each of mine) {
        const owner = [...now].find(([, has]) => has.includes(each))?.[0];
        expect([undefined, id], "nothing is given that another still has").toContain(owner);
      }
    }
    const same = [...next].every(([id, mine]) => mine.toString() === now.get(id)?.toString());
    now = new Map([...next].map(([id, mine]) => [id, mine.toSorted((a, b) => a - b)]));
    if (same) return { owned: now, rounds: n };
    if (n > 10) throw new Error("the members do not come to rest");
  }
}

const sizes = (owned: Owned) => [...owned.values()].map(({ length }) => length).sort();

test("the first member gets everything", () => {
  expect([...assignPartitions([{ id: "a", owned: [] }], 3)]).toEqual([["a", [0, 1, 2]]]);
});

test("a second member gets nothing until the first has given it up, and then half", () => {
  const first = assignPartitions(
    [
      { id: "a", owned: [0, 1, 2, 3] },
      { id: "b", owned: [] },
    ],
    4,
  );
  expect([...first]).toEqual([
    ["a", [0, 1]],
    ["b", []],
  ]);
  expect(
    rounds(
      new Map([
        ["a", [0, 1, 2, 3]],
        ["b", []],
      ]),
      4,
    ).owned,
  ).toEqual(
    new Map([
      ["a", [0, 1]],
      ["b", [2, 3]],
    ]),
  );
});

test("what a member leaves goes to the others, who keep what they have", () => {
  const { owned } = rounds(
    new Map([
      ["b", [3, 4, 5]],
      ["c", [6, 7]],
    ]),
    8,
  );
  expect(owned.get("b")).toEqual(expect.arrayContaining([3, 4, 5]));
  expect(owned.get("c")).toEqual(expect.arrayContaining([6, 7]));
  expect(sizes(owned)).toEqual([4, 4]);
});

test("more members than partitions: some have none", () => {
  const { owned } = rounds(
    new Map([
      ["a", []],
      ["b", []],
      ["c", []],
    ]),
    2,
  );
  expect(sizes(owned)).toEqual([0, 1, 1]);
});

test("partitions that are added are shared, and what is claimed beyond the topic is not", () => {
  const { owned } = rounds(
    new Map([
      ["a", [0, 9]],
      ["b", [1]],
    ]),
    4,
  );
  expect(sizes(owned)).toEqual([2, 2]);
});

test("however members come and go: all is given, once, in equal shares, after a few rounds", () => {
  const changes = fc.array(fc.record({ member: fc.nat(6), comes: fc.boolean() }), { maxLength: 20 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 16 }), changes, (partitions, list) => {
      let owned: Owned = new Map([["member-0", []]]);
      for (const { member, comes } of list) {
        const id = `member-${member}`;
        const next = new Map(owned);
        if (comes && !next.has(id)) next.set(id, []);
        else if (!comes && next.size > 1) next.delete(id);
        const settled = rounds(next, partitions);
        owned = settled.owned;
        expect(settled.rounds).toBeLessThanOrEqual(3);
        expect([...owned.values()].flat().toSorted((a, b) => a - b)).toEqual(
          Array.from({ length: partitions }, (_, n) => n),
        );
        const all = sizes(owned);
        expect(Math.max(...all) - Math.min(...all)).toBeLessThanOrEqual(1);
      }
    }),
  );
});
