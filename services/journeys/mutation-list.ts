// The protections of money: what each is, what would go wrong without it, how it is taken away, and the test that notices. The table
// of ARCHITECTURE.md is this list; mutations.ts proves it.

export type Mutation = {
  readonly protection: string;
  /** What happens without it. */
  readonly without: string;
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
  readonly test: { readonly file: string; readonly name: string };
};

export const mutations: readonly Mutation[] = [
  {
    protection: "The lease fence of a saga",
    without: "a process that was thought dead writes over whoever took its saga on",
    file: "services/kit/saga-journal.ts",
    find: "where id = $1 and fence = $2 returning 1)",
    replace: "where id = $1 and $2::bigint is not null returning 1)",
    test: { file: "services/kit/saga.test.ts", name: "fence" },
  },
];
