// The demo's products for a room.

import type { FamilyRows } from "./family.ts";

export const furnishings = {
  lamp: {
    tags: "home lighting",
    about: "Takes an E27 bulb of at most 12 W; the cord is two metres long, with a switch.",
    rows: [
      [
        "Reading lamp",
        89_00n,
        "metal",
        "A linen shade on a slim brass rod: enough light for a book, and none for the whole room.",
        "#e9dcc3 #b8893f #c9b8a8",
      ],
      [
        "Dome table lamp",
        129_00n,
        "ceramic",
        "A wide dome over a ceramic foot that glows quietly in a corner.",
        "#cf6f52 #e8d6bd #e8cdbb",
      ],
      [
        "Tripod lamp",
        149_00n,
        "wood",
        "Three legs of oiled oak and a drum of dark green cotton.",
        "#4d7363 #b07b4a #cdd9cc",
      ],
      [
        "Bubble lamp",
        175_00n,
        "glass",
        "Three balls of smoked glass under a cone, much as it was made in the sixties.",
        "#e5c1c4 #7f95b5 #dcd3e0",
      ],
      [
        "Pleated lamp",
        112_50n,
        "metal",
        "A gently curved shade with a ribbon at its hem, on a blackened foot.",
        "#d9b655 #3f4450 #efe3c5",
      ],
    ],
  },
  chair: {
    tags: "home furniture seating",
    about: "The seat is 46 cm high. Comes assembled, with felt under its feet.",
    rows: [
      [
        "Ladder-back chair",
        189_00n,
        "wood",
        "Three slats and a woven look, in beech that is stained a quiet blue.",
        "#5f86a3 #c89b66 #dde5e8",
      ],
      [
        "Shell armchair",
        480_00n,
        "upholstered",
        "Moulded wool felt around a frame of ash; it holds you the way a hand holds an egg.",
        "#c7664f #b98a58 #f0d8c9",
      ],
      [
        "Spindle chair",
        235_00n,
        "wood",
        "Six turned spindles under a bent rail, after the chairs of old railway stations.",
        "#3f5d55 #a9784b #d5ddd2",
      ],
      [
        "Padded dining chair",
        219_00n,
        "upholstered",
        "A soft back for long dinners, covered in a mustard weave that forgives.",
        "#dba93f #7a5237 #f3e6c8",
      ],
      [
        "Button-back armchair",
        395_00n,
        "upholstered",
        "Six buttons, deep foam and velvet in the purple of late plums.",
        "#7a5a84 #b58a5a #e4d8e6",
      ],
    ],
  },
  clock: {
    tags: "home decor",
    about: "30 cm across, with a silent movement that takes one AA battery.",
    rows: [
      [
        "Station clock",
        74_00n,
        "metal",
        "Clear as a railway platform, with a red second hand that never stops.",
        "#3d4a5c #d6483b #d9e0e6",
      ],
      [
        "Dot wall clock",
        58_00n,
        "wood",
        "Twelve dots instead of numbers; you know where they are.",
        "#cf9a5f #3f7d75 #efe2cf",
      ],
      [
        "Square kitchen clock",
        46_50n,
        "metal",
        "Rounded corners and enamel, in the green of old refrigerators.",
        "#8fc0ab #e0714f #e4efe6",
      ],
      [
        "Midnight clock",
        82_00n,
        "metal",
        "A dark face with pale marks that are easy on the eyes at three in the morning.",
        "#4a5f8f #f0c05a #ccd2e2",
      ],
      [
        "Coral wall clock",
        52_00n,
        "gift",
        "A cheerful rim around a calm face, for a child's room or a bright kitchen.",
        "#e8806a #35566b #f8e2d6",
      ],
    ],
  },
  cushion: {
    tags: "home textiles",
    about: "45 × 45 cm, filled with recycled fibre. The cover comes off and is washed at 30 °C.",
    rows: [
      [
        "Deckchair cushion",
        27_00n,
        "cotton",
        "Broad and narrow stripes, woven rather than printed.",
        "#efe6d4 #3f78a0 #d4e4ea",
      ],
      [
        "Rainbow arc cushion",
        31_50n,
        "cotton",
        "Row upon row of little arcs in terracotta on sand.",
        "#ecd3b4 #c0603f #f5e8d8",
      ],
      [
        "Zigzag cushion",
        33_00n,
        "wool",
        "Knitted zigzags in three yarns; the reverse is plain.",
        "#39606b #e8b54a #d8e3e2",
      ],
      [
        "Target cushion",
        29_00n,
        "cotton",
        "Three rings, cut and stitched by hand, in mustard and plum.",
        "#7c4f6e #e6b24c #ecdde6",
      ],
      [
        "Leaf print cushion",
        28_50n,
        "linen",
        "Leaves printed with wooden blocks on soft linen.",
        "#6f9a78 #f3e9cf #e3ecdc",
      ],
    ],
  },
} satisfies Readonly<Record<string, FamilyRows>>;
