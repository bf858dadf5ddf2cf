// The demo's products that one carries or gives.

import type { FamilyRows } from "./family.ts";

export const belongings = {
  notebook: {
    tags: "stationery paper office",
    about: "192 pages of 100 g paper that takes a fountain pen well. Lies flat when it is open.",
    rows: [
      [
        "Everyday notebook",
        11_00n,
        "ruled",
        "A cloth cover, a label for its subject, and a ribbon to find your place.",
        "#3f5f82 #e0a63f #dbe3ea",
      ],
      [
        "Alpine notebook",
        13_50n,
        "blank",
        "Mountains on the cover, blank pages within, for drawing what you see.",
        "#dfe5e2 #5b7f94 #c5d6dd",
      ],
      [
        "Dotted ring notebook",
        9_80n,
        "dotted",
        "Steel rings and a dot grid, for plans that change.",
        "#e8806f #fdf3e4 #f8dfd4",
      ],
      [
        "Botanist's notebook",
        14_75n,
        "ruled",
        "A gilded leaf on green cloth, and a pocket at the back for what you find.",
        "#35614f #d9b867 #dfe6d6",
      ],
      [
        "Signal notebook",
        12_25n,
        "squared",
        "Diagonal stripes that you will find again on any desk.",
        "#f0c255 #3d4457 #f6ead0",
      ],
    ],
  },
  bag: {
    tags: "bags travel",
    about: "Water-repellent canvas, an inner pocket with a zip, and seams that are sewn twice.",
    rows: [
      [
        "Canvas backpack",
        98_00n,
        "backpack",
        "Twenty litres, two buckles, and a padded sleeve for a 15-inch laptop.",
        "#4f6b57 #b07a45 #dde4d8",
      ],
      [
        "Market tote",
        36_00n,
        "tote cotton",
        "Striped cotton that carries a week's vegetables and folds to nothing.",
        "#f0e8d8 #c2554a #e9d9cf",
      ],
      [
        "City backpack",
        119_00n,
        "backpack",
        "Slim, grey and quick to open with one strap, for people who stand on trains.",
        "#7d8794 #5a4033 #e3e4e8",
      ],
      [
        "Dipped tote",
        42_50n,
        "tote",
        "Natural canvas above, midnight blue below, where bags get dirty.",
        "#e6d6b8 #2f4766 #dbe2e8",
      ],
      [
        "Rolltop backpack",
        134_00n,
        "backpack",
        "Mustard body, tan flap, and straps that were made for long walks.",
        "#d9a03f #a9663f #f4e6c9",
      ],
    ],
  },
  headphones: {
    tags: "electronics audio",
    about: "Folds flat into the case that comes with it, and every part can be replaced.",
    rows: [
      [
        "Studio headphones",
        249_00n,
        "wireless",
        "A flat and honest sound, soft pads, and forty hours on one charge.",
        "#3c4250 #c9a063 #d9dde3",
      ],
      [
        "Commuter headphones",
        129_00n,
        "wired",
        "Light on the head, with a long cable and a button for calls.",
        "#e9e2d6 #d9694f #d9e2e4",
      ],
      [
        "Quiet headphones",
        329_00n,
        "wireless noise-cancelling",
        "Turns an aeroplane into a library; a switch lets voices in.",
        "#5f7f78 #e3d2b0 #dce7e2",
      ],
      [
        "Kids' headphones",
        44_90n,
        "wireless gift",
        "Never louder than 85 decibels, and tougher than they look.",
        "#f0b445 #4f83a8 #fbeecb",
      ],
      [
        "Vinyl headphones",
        189_00n,
        "wired",
        "Warm and wide, with cups of turned walnut.",
        "#7a4b3a #e0b98a #eadccf",
      ],
    ],
  },
  candle: {
    tags: "home fragrance gift",
    about: "Poured by hand from soy wax, with a cotton wick.",
    rows: [
      [
        "Cedar candle",
        24_00n,
        "scented",
        "Cedar, a little smoke and orange peel; burns for fifty hours.",
        "#6f5a49 #c2783f #d8ccbf",
      ],
      [
        "Pair of pillar candles",
        16_80n,
        "unscented",
        "Two candles, one taller, in ivory and sage.",
        "#efe3cb #94ab8c #cdbfae",
      ],
      [
        "Fig candle",
        26_50n,
        "scented",
        "Green fig and a leaf crushed between the fingers; burns for fifty hours.",
        "#8a5f80 #4f7a58 #dccbd8",
      ],
      [
        "Supper candle trio",
        3_50n,
        "unscented",
        "Three small candles for a long table, in coral and honey.",
        "#e2876b #e9c877 #d9b8a4",
      ],
      [
        "Sea salt candle",
        22_00n,
        "scented",
        "Salt, driftwood and cold air in a ribbed jar; burns for forty hours.",
        "#7fa9b5 #3f6a80 #cddde0",
      ],
    ],
  },
} satisfies Readonly<Record<string, FamilyRows>>;
