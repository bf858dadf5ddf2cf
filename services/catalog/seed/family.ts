// What a family of the demo's products has in common, and what tells its five members apart.

/** Name, price in minor units, own tags, what is said of it, and its picture's colours: main, accent, backdrop. */
export type Row = readonly [name: string, amountMinor: bigint, tags: string, text: string, colors: string];

/** `tags` and `about` are those of all members. */
export type FamilyRows = { readonly tags: string; readonly about: string; readonly rows: readonly Row[] };
