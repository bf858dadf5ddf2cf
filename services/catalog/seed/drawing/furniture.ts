// Lamps, chairs, clocks and cushions. `variant` 0 to 4 chooses the shape or the pattern.

import { type Colors, type Paint, picture, repeat, shade, tint } from "./canvas.ts";

const shades = [
  "M350 190 L650 190 L760 470 L240 470 Z",
  "M260 470 C 260 260 380 190 500 190 C 620 190 740 260 740 470 Z",
  "M300 210 L700 210 L700 470 L300 470 Z",
  "M430 190 L570 190 L790 470 L210 470 Z",
  "M300 200 Q500 160 700 200 L740 450 Q500 500 260 450 Z",
];

export function lamp(colors: Colors, variant: number): string {
  return picture(colors, {
    shadow: 205,
    draw: (paint) => {
      const { main, accent } = colors;
      return `
<circle cx="500" cy="460" r="430" fill="${paint.glow("#ffe9b0", 0.75)}"/>
${lampFoot(paint, variant)}
<ellipse cx="500" cy="468" rx="200" ry="20" fill="#fff3cf"/>
<path d="${shades[variant]}" fill="${paint.cylinder(main)}"/>
<path d="${shades[variant]}" fill="${paint.fall("#ffffff00", "#ffdf95")}" opacity=".4"/>
<rect x="482" y="${variant === 2 ? 186 : 166}" width="36" height="30" rx="10" fill="${shade(accent, 0.2)}"/>
${variant === 4 ? `<path d="M262 445 Q500 494 738 445" fill="none" stroke="${accent}" stroke-width="14"/>` : ""}`;
    },
  });
}

function lampFoot(paint: Paint, variant: number): string {
  const { accent } = paint.colors;
  const fill = paint.cylinder(accent);
  const plate = `<path d="M370 850 Q370 826 410 824 L590 824 Q630 826 630 850 Q630 872 500 872 Q370 872 370 850 Z" fill="${fill}"/>`;
  const feet = [
    `<path d="M486 460 L486 830 L514 830 L514 460 Z" fill="${fill}"/>${plate}`,
    `<path d="M470 460 L530 460 L530 560 C 640 620 640 868 590 868 L410 868 C 360 868 360 620 470 560 Z" fill="${fill}"/>`,
    `${repeat(3, (index) => `<path d="M500 470 L${360 + index * 140} 868" stroke="${index === 1 ? shade(accent, 0.3) : accent}" stroke-width="24" stroke-linecap="round"/>`)}`,
    `<circle cx="500" cy="560" r="72" fill="${paint.ball(accent)}"/><circle cx="500" cy="680" r="86" fill="${paint.ball(accent)}"/><circle cx="500" cy="800" r="70" fill="${paint.ball(accent)}"/>`,
    `<path d="M476 460 L524 460 L548 830 L452 830 Z" fill="${fill}"/>${plate}`,
  ];
  return feet[variant] ?? "";
}

export function chair(colors: Colors, variant: number): string {
  return picture(colors, {
    shadow: 320,
    draw: (paint) => {
      const { main, accent } = colors;
      const wood = shade(accent, 0.12);
      const leg = (x1: number, x2: number, y: number, color: string) =>
        `<path d="M${x1} 620 L${x2} ${y}" stroke="${color}" stroke-width="28" stroke-linecap="round"/>`;
      return `
${leg(360, 330, 800, shade(accent, 0.35))}${leg(640, 670, 800, shade(accent, 0.35))}
${chairBack(paint, variant)}
${leg(320, 270, 866, wood)}${leg(680, 730, 866, wood)}
<path d="M270 580 Q500 545 730 580 L752 640 Q758 672 700 676 L300 676 Q242 672 248 640 Z" fill="${paint.fall(tint(main, 0.12), shade(main, 0.22))}"/>
<path d="M282 588 Q500 556 718 588 Q730 622 500 630 Q270 622 282 588 Z" fill="${tint(main, 0.28)}"/>
${variant === 1 || variant === 4 ? `<path d="M232 500 Q226 470 270 468 L276 600" fill="none" stroke="${wood}" stroke-width="26" stroke-linecap="round"/><path d="M768 500 Q774 470 730 468 L724 600" fill="none" stroke="${wood}" stroke-width="26" stroke-linecap="round"/>` : ""}`;
    },
  });
}

function chairBack(paint: Paint, variant: number): string {
  const { main, accent } = paint.colors;
  const fill = paint.cylinder(main);
  const posts = `<path d="M330 590 L312 210" stroke="${accent}" stroke-width="26" stroke-linecap="round"/><path d="M670 590 L688 210" stroke="${accent}" stroke-width="26" stroke-linecap="round"/>`;
  const backs = [
    `${posts}${repeat(3, (index) => `<path d="M316 ${250 + index * 96} Q500 ${215 + index * 96} 684 ${250 + index * 96} L682 ${300 + index * 96} Q500 ${265 + index * 96} 318 ${300 + index * 96} Z" fill="${fill}"/>`)}`,
    `<path d="M270 590 C 250 300 320 170 500 170 C 680 170 750 300 730 590 Z" fill="${fill}"/><path d="M330 560 C 320 330 380 230 500 230 C 620 230 680 330 670 560 Z" fill="${tint(main, 0.18)}" opacity=".7"/>`,
    `${posts}${repeat(6, (index) => `<path d="M${372 + index * 51} 580 L${368 + index * 53} 230" stroke="${shade(accent, 0.08)}" stroke-width="13"/>`)}<path d="M290 190 Q500 140 710 190 L706 252 Q500 205 294 252 Z" fill="${fill}"/>`,
    `${posts}<rect x="296" y="200" width="408" height="250" rx="58" fill="${fill}"/><path d="M330 325 L670 325" stroke="${shade(main, 0.25)}" stroke-width="6" opacity=".6"/>`,
    `<path d="M250 600 L240 260 Q240 170 330 170 L670 170 Q760 170 760 260 L750 600 Z" fill="${fill}"/>${repeat(6, (index) => `<circle cx="${360 + (index % 3) * 140}" cy="${280 + Math.floor(index / 3) * 130}" r="13" fill="${shade(main, 0.35)}"/>`)}`,
  ];
  return backs[variant] ?? "";
}

export function clock(colors: Colors, variant: number): string {
  const times = [
    [10, 9],
    [8, 20],
    [1, 50],
    [4, 35],
    [7, 5],
  ] as const;
  const [hour, minute] = times[variant] ?? [10, 9];
  return picture(colors, {
    shadow: 0,
    draw: (paint) => {
      const { main, accent } = colors;
      const square = variant === 2;
      const outline = (r: number, fill: string) =>
        square
          ? `<rect x="${500 - r}" y="${500 - r}" width="${2 * r}" height="${2 * r}" rx="${r * 0.3}" fill="${fill}"/>`
          : `<circle cx="500" cy="500" r="${r}" fill="${fill}"/>`;
      const face = variant === 3 ? shade(main, 0.6) : tint(main, 0.88);
      const ink = variant === 3 ? tint(main, 0.8) : shade(main, 0.65);
      const marks = repeat(12, (index) => {
        const long = index % 3 === 0;
        if (variant === 1)
          return `<circle cx="500" cy="252" r="${long ? 17 : 9}" fill="${ink}" transform="rotate(${index * 30} 500 500)"/>`;
        return `<path d="M500 ${variant === 4 ? 228 : 240} L500 ${long ? 290 : 268}" stroke="${ink}" stroke-width="${long ? 16 : 8}" stroke-linecap="round" transform="rotate(${index * 30} 500 500)"/>`;
      });
      return `
<ellipse cx="540" cy="560" rx="430" ry="420" fill="${paint.glow("#241b2f", 0.4)}"/>
${outline(350, paint.ball(main))}${outline(300, shade(face, 0.14))}${outline(292, face)}
${marks}
<path d="M500 540 L500 350" stroke="${ink}" stroke-width="22" stroke-linecap="round" transform="rotate(${hour * 30 + minute / 2} 500 500)"/>
<path d="M500 550 L500 275" stroke="${ink}" stroke-width="14" stroke-linecap="round" transform="rotate(${minute * 6} 500 500)"/>
<path d="M500 570 L500 260" stroke="${accent}" stroke-width="6" stroke-linecap="round" transform="rotate(${variant * 70 + 128} 500 500)"/>
<circle cx="500" cy="500" r="20" fill="${accent}"/>`;
    },
  });
}

export function cushion(colors: Colors, variant: number): string {
  const outline =
    "M180 230 Q220 190 300 214 Q500 244 700 214 Q780 190 820 230 Q856 270 832 340 Q806 520 832 700 Q856 780 812 822 Q770 856 700 832 Q500 804 300 832 Q224 858 186 818 Q144 776 168 700 Q194 520 168 340 Q144 268 180 230 Z";
  return picture(colors, {
    shadow: 340,
    draw: (paint) => {
      const { main } = colors;
      return `<g transform="translate(0 34)">
<path d="${outline}" fill="${paint.ball(main)}"/>
<g clip-path="${paint.clip(`<path d="${outline}"/>`)}">${cushionPattern(paint, variant)}
<ellipse cx="700" cy="760" rx="520" ry="420" fill="${paint.glow(shade(main, 0.8), 0.3)}"/>
<ellipse cx="340" cy="340" rx="330" ry="250" fill="${paint.glow("#ffffff", 0.35)}"/></g>
<path d="${outline}" fill="none" stroke="${shade(main, 0.3)}" stroke-width="7" stroke-dasharray="16 9" opacity=".5"/></g>`;
    },
  });
}

function cushionPattern(paint: Paint, variant: number): string {
  const { main, accent } = paint.colors;
  const patterns = [
    repeat(
      5,
      (index) =>
        `<path d="M${240 + index * 130} 150 Q${225 + index * 137} 520 ${240 + index * 130} 900" fill="none" stroke="${accent}" stroke-width="${index % 2 === 0 ? 44 : 18}"/>`,
    ),
    repeat(16, (index) => {
      const x = 250 + (index % 4) * 166;
      const y = 280 + Math.floor(index / 4) * 160;
      return `<path d="M${x - 60} ${y + 30} A60 60 0 0 1 ${x + 60} ${y + 30}" fill="none" stroke="${accent}" stroke-width="20"/><path d="M${x - 26} ${y + 30} A26 26 0 0 1 ${x + 26} ${y + 30} Z" fill="${accent}"/>`;
    }),
    repeat(
      9,
      (index) =>
        `<path d="M100 ${190 + index * 84} l 67 -40 l 67 40 l 67 -40 l 67 40 l 67 -40 l 67 40 l 67 -40 l 67 40 l 67 -40 l 67 40 l 67 -40 l 67 40" fill="none" stroke="${index % 3 === 0 ? tint(main, 0.5) : accent}" stroke-width="16"/>`,
    ),
    `<circle cx="500" cy="525" r="230" fill="${accent}"/><circle cx="500" cy="525" r="160" fill="${tint(accent, 0.35)}"/><circle cx="500" cy="525" r="90" fill="${shade(main, 0.1)}"/>`,
    repeat(14, (index) => {
      const x = 240 + ((index * 3) % 5) * 130;
      const y = 270 + Math.floor(index / 3) * 125;
      return `<g transform="translate(${x} ${y}) rotate(${index * 47})"><path d="M0 56 C-36 20 -30 -30 0 -56 C30 -30 36 20 0 56 Z" fill="${index % 2 === 0 ? accent : tint(main, 0.45)}"/><path d="M0 50 L0 -44" stroke="${shade(main, 0.2)}" stroke-width="4"/></g>`;
    }),
  ];
  return patterns[variant] ?? "";
}
