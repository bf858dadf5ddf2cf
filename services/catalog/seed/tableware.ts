// The demo's products for the table and the windowsill.

import type { FamilyRows } from "./family.ts";

export const tableware = {
  mug: {
    tags: "kitchen tableware drinkware",
    about: "Holds 350 ml, and goes into the dishwasher and the microwave.",
    rows: [
      [
        "Stoneware mug",
        14_50n,
        "ceramic handmade",
        "Thrown by hand from speckled clay and dipped in a matt blue glaze, so no two are quite the same.",
        "#d9c8ae #4f7596 #dfe6ea",
      ],
      [
        "Harbour stripe mug",
        16_00n,
        "ceramic",
        "White porcelain with three painted bands, after the buoys of a northern harbour.",
        "#f3efe6 #c2483d #bcd3dc",
      ],
      [
        "Polka dot mug",
        12_90n,
        "ceramic gift",
        "A cheerful mug for the first coffee of the day, with dots that were stamped one by one.",
        "#f0b94b #fdf6e6 #f6e3c5",
      ],
      [
        "Wave pattern mug",
        15_75n,
        "ceramic",
        "Deep teal glaze over a drawn wave; thick walls keep the tea warm while you read.",
        "#2f7f86 #f2e6cf #cfe3df",
      ],
      [
        "Granite speckle mug",
        13_25n,
        "ceramic",
        "Grey as wet granite and pleasant in the hand, with an unglazed foot.",
        "#9a9ca6 #6b6f7c #e6dfe4",
      ],
    ],
  },
  teapot: {
    tags: "kitchen tableware tea",
    about: "Pours without a drip. Holds 900 ml; a steel strainer is included.",
    rows: [
      [
        "Round teapot in sage",
        48_00n,
        "ceramic",
        "A generous round body, a band of cream, and a lid that stays on while you pour.",
        "#8ba888 #f1e7d0 #e4ead9",
      ],
      [
        "Ribbed porcelain teapot",
        56_50n,
        "ceramic",
        "Fine ribs run from lid to foot and catch the light of a window.",
        "#eee8df #d59a7a #d8c9c4",
      ],
      [
        "Petal teapot",
        62_00n,
        "ceramic handmade",
        "Five petals in relief, glazed by brush. Made for slow afternoons.",
        "#d98a94 #f9e3dc #f4dcd9",
      ],
      [
        "Two-tone teapot",
        52_00n,
        "ceramic",
        "Half dipped in midnight blue, half left as the clay was fired.",
        "#d8b48d #2f4a6d #dde2ea",
      ],
      [
        "Ember teapot",
        59_00n,
        "ceramic handmade",
        "A reduction-fired glaze between rust and plum that no photograph quite shows.",
        "#a4533c #e0a458 #f0d9c4",
      ],
    ],
  },
  vase: {
    tags: "home decor ceramic",
    about: "Watertight and glazed inside. Flowers are not included.",
    rows: [
      [
        "Amphora vase",
        39_00n,
        "handmade",
        "An old shape with soft ribs, at home with a single branch or a full bunch.",
        "#c9825b #e6c8a8 #f0e2d2",
      ],
      [
        "Tapered vase",
        34_50n,
        "minimal",
        "Straight sides, a heavy foot, and a glaze that ran where it wanted to.",
        "#e9e2d4 #6d8ba3 #cfdbe0",
      ],
      [
        "Double belly vase",
        68_00n,
        "handmade",
        "Two curves thrown in one piece, in the green of sea glass.",
        "#7fae9f #e8806f #dcebe3",
      ],
      [
        "Bottleneck vase",
        44_00n,
        "minimal",
        "Narrow at the neck, so that three stems stand up straight.",
        "#3f4f63 #c9a36a #d9d6d0",
      ],
      [
        "Meadow vase",
        29_90n,
        "gift",
        "Wide at the mouth and made for whatever you picked on the way home.",
        "#e8c15a #d9644f #f5ead0",
      ],
    ],
  },
  "plant-pot": {
    tags: "home plants garden",
    about: "18 cm wide, with a hole for drainage and a saucer to match. The plant is sold separately.",
    rows: [
      [
        "Terracotta plant pot",
        18_00n,
        "terracotta",
        "Plain fired clay that breathes, as roots like it.",
        "#c5714a #e8b48c #e3ead8",
      ],
      [
        "Banded plant pot",
        22_50n,
        "ceramic",
        "White with one green band, for tall and upright plants.",
        "#f0ebe0 #5d8a72 #d3e0d4",
      ],
      [
        "Desert plant pot",
        24_00n,
        "ceramic",
        "Painted triangles around the foot; made with a cactus in mind.",
        "#e2b594 #b5553c #f6e6cc",
      ],
      [
        "Dipped plant pot",
        26_00n,
        "ceramic",
        "Slate blue, dipped in cream. Ferns look well in it.",
        "#566f8c #efe4cf #d6e2e6",
      ],
      [
        "Confetti plant pot",
        19_75n,
        "ceramic gift",
        "Small dots of mustard on blush pink, for a windowsill that needs company.",
        "#e6a8a0 #e2b03f #f7e4dc",
      ],
    ],
  },
} satisfies Readonly<Record<string, FamilyRows>>;
