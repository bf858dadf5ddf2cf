// Mugs, teapots and vases. `variant` 0 to 4 chooses the decoration.

import { type Colors, type Paint, picture, repeat, scattered, shade, tint } from "./canvas.ts";

export function mug(colors: Colors, variant: number): string {
  const body = "M300 370 L318 800 Q322 862 400 868 L580 868 Q658 862 662 800 L680 370 Z";
  return picture(colors, {
    shadow: 260,
    draw: (paint) => {
      const inside = paint.clip(`<path d="${body}"/>`);
      return `
<path d="M668 460 C 850 430 850 730 652 742" fill="none" stroke="${paint.fall(shade(colors.main, 0.1), shade(colors.main, 0.3))}" stroke-width="54" stroke-linecap="round"/>
<path d="M668 452 C 838 424 846 690 700 722" fill="none" stroke="${tint(colors.main, 0.3)}" stroke-width="8" stroke-linecap="round" opacity=".6"/>
<path d="${body}" fill="${paint.cylinder(colors.main)}"/>
<g clip-path="${inside}">${mugDecoration(paint, variant)}</g>
<ellipse cx="490" cy="370" rx="190" ry="52" fill="${tint(colors.main, 0.35)}"/>
<ellipse cx="490" cy="374" rx="172" ry="43" fill="${shade(colors.main, 0.45)}"/>
<ellipse cx="490" cy="388" rx="160" ry="33" fill="#4a2c1e"/>
<ellipse cx="450" cy="382" rx="70" ry="12" fill="#8a5a3c" opacity=".7"/>
${repeat(3, (index) => `<path d="M${420 + index * 70} 320 c -34 -44 34 -78 0 -128 c -18 -28 -8 -52 8 -70" fill="none" stroke="#ffffff" stroke-width="12" stroke-linecap="round" opacity=".55"/>`)}`;
    },
  });
}

function mugDecoration(paint: Paint, variant: number): string {
  const { main, accent } = paint.colors;
  const dip = `<path d="M280 640 Q490 710 700 640 L700 900 L280 900 Z" fill="${paint.cylinder(accent)}"/>`;
  const speckles = repeat(80, (index) => {
    const [x, y] = scattered(index, 300, 440, 380, 420);
    return `<circle cx="${x}" cy="${y}" r="${2.5 + (index % 4)}" fill="${shade(main, 0.5)}" opacity=".55"/>`;
  });
  const stripes = repeat(
    3,
    (index) =>
      `<path d="M280 ${520 + index * 84} Q490 ${590 + index * 84} 700 ${520 + index * 84}" fill="none" stroke="${accent}" stroke-width="26" opacity=".9"/>`,
  );
  const dots = repeat(24, (index) => {
    const row = Math.floor(index / 6);
    return `<circle cx="${320 + (index % 6) * 70 + (row % 2) * 35}" cy="${510 + row * 88}" r="20" fill="${accent}" opacity=".92"/>`;
  });
  const waves = repeat(
    4,
    (index) =>
      `<path d="M270 ${500 + index * 90} q 35 -44 70 0 t 70 0 t 70 0 t 70 0 t 70 0 t 70 0" fill="none" stroke="${accent}" stroke-width="15"/>`,
  );
  return [dip + speckles, stripes, dots, waves, speckles][variant] ?? "";
}

export function teapot(colors: Colors, variant: number): string {
  return picture(colors, {
    shadow: 330,
    draw: (paint) => {
      const { main, accent } = colors;
      const inside = paint.clip('<ellipse cx="490" cy="640" rx="280" ry="232"/>');
      const band = [
        `<path d="M190 620 Q490 720 790 620 L790 700 Q490 800 190 700 Z" fill="${accent}" opacity=".9"/>`,
        repeat(
          7,
          (index) =>
            `<path d="M${250 + index * 80} 380 Q${230 + index * 87} 640 ${250 + index * 80} 900" fill="none" stroke="${tint(main, 0.3)}" stroke-width="7" opacity=".6"/>`,
        ),
        repeat(
          5,
          (index) =>
            `<g transform="translate(${290 + index * 100} ${650 + (2 - Math.abs(index - 2)) * 18})"><path d="M0 60 C-44 20 -30 -40 0 -62 C30 -40 44 20 0 60 Z" fill="${accent}"/></g>`,
        ),
        `<path d="M190 690 Q490 790 790 690 L790 900 L190 900 Z" fill="${paint.cylinder(accent)}"/>`,
        repeat(80, (index) => {
          const [x, y] = scattered(index, 215, 430, 550, 430);
          return `<circle cx="${x}" cy="${y}" r="${2 + (index % 4)}" fill="${index % 3 === 0 ? accent : shade(main, 0.5)}" opacity=".6"/>`;
        }),
      ][variant];
      return `
<path d="M735 560 C 930 500 940 800 720 770" fill="none" stroke="${shade(main, 0.22)}" stroke-width="44" stroke-linecap="round"/>
<path d="M290 690 C 190 660 190 560 118 506 L 178 452 C 260 500 270 560 340 560 Z" fill="${paint.cylinder(main)}"/>
<ellipse cx="148" cy="479" rx="41" ry="20" transform="rotate(-42 148 479)" fill="${shade(main, 0.5)}"/>
<ellipse cx="490" cy="640" rx="280" ry="232" fill="${paint.ball(main)}"/>
<g clip-path="${inside}">${band}<ellipse cx="600" cy="740" rx="300" ry="220" fill="${paint.glow(shade(main, 0.7), 0.25)}"/></g>
<ellipse cx="380" cy="520" rx="70" ry="34" fill="#ffffff" opacity=".35" transform="rotate(-32 380 520)"/>
<ellipse cx="490" cy="434" rx="150" ry="36" fill="${shade(main, 0.4)}"/>
<path d="M345 428 C 370 350 610 350 635 428 Q490 468 345 428 Z" fill="${paint.cylinder(variant === 0 ? accent : main)}"/>
<rect x="474" y="330" width="32" height="46" rx="12" fill="${shade(main, 0.3)}"/>
<circle cx="490" cy="322" r="34" fill="${paint.ball(accent)}"/>`;
    },
  });
}

const vaseOutlines = [
  "M430 430 C 430 520 320 560 320 690 C 320 800 390 868 490 868 C 590 868 660 800 660 690 C 660 560 550 520 550 430 Z",
  "M390 430 L350 830 Q354 866 400 868 L580 868 Q626 866 630 830 L590 430 Z",
  "M440 430 C 440 500 300 520 300 640 C 300 760 400 780 400 868 L580 868 C 580 780 680 760 680 640 C 680 520 540 500 540 430 Z",
  "M455 430 L455 560 C 330 600 330 868 400 868 L580 868 C 650 868 650 600 525 560 L525 430 Z",
  "M400 430 C 370 560 360 600 360 700 C 360 800 400 868 490 868 C 580 868 620 800 620 700 C 620 600 610 560 580 430 Z",
];
const vaseMouths = [60, 100, 50, 35, 90];

export function vase(colors: Colors, variant: number): string {
  const outline = vaseOutlines[variant] ?? "";
  const mouth = vaseMouths[variant] ?? 60;
  return picture(colors, {
    shadow: 215,
    draw: (paint) => {
      const { main, accent } = colors;
      const inside = paint.clip(`<path d="${outline}"/>`);
      const ribs = repeat(
        9,
        (index) =>
          `<path d="M250 ${480 + index * 46} Q490 ${520 + index * 46} 730 ${480 + index * 46}" fill="none" stroke="${shade(main, 0.35)}" stroke-width="5" opacity=".35"/>`,
      );
      const glaze = `<path d="M250 400 L730 400 L730 590 Q670 650 600 600 T470 630 T340 590 T250 640 Z" fill="${paint.cylinder(accent)}" opacity=".9"/>`;
      return `
${stems(paint, variant)}
<ellipse cx="490" cy="432" rx="${mouth}" ry="17" fill="${shade(main, 0.55)}"/>
<path d="${outline}" fill="${paint.cylinder(main)}"/>
<g clip-path="${inside}">${variant % 2 === 0 ? ribs : glaze}</g>
<path d="M${490 - mouth} 432 A ${mouth} 17 0 0 0 ${490 + mouth} 432" fill="none" stroke="${tint(main, 0.5)}" stroke-width="9"/>`;
    },
  });
}

function stems(paint: Paint, variant: number): string {
  const { accent } = paint.colors;
  const green = ["#6f8f72", "#b99a5b", "#7d9b86", "#c7a66b", "#5f8060"][variant] ?? "#6f8f72";
  const angles = [-30, -14, 3, 18, 34];
  return angles
    .map((angle, index) => {
      const height = 300 + ((index * 61) % 90);
      const leaves = repeat(6, (leaf) => {
        const y = -90 - leaf * (height / 7.5);
        const side = leaf % 2 === 0 ? 1 : -1;
        return variant % 2 === 0
          ? `<ellipse cx="${side * 26}" cy="${y}" rx="32" ry="15" transform="rotate(${side * -32} ${side * 26} ${y})" fill="${leaf % 3 === 0 ? tint(green, 0.25) : green}"/>`
          : `<ellipse cx="${side * 9}" cy="${y - 40}" rx="9" ry="32" transform="rotate(${side * 16} 0 ${y})" fill="${leaf % 2 === 0 ? tint(green, 0.35) : green}"/>`;
      });
      const flower =
        variant === 2 || variant === 4
          ? `<circle cx="0" cy="${-height - 20}" r="34" fill="${paint.ball(accent)}"/><circle cx="0" cy="${-height - 20}" r="11" fill="#f6d58a"/>`
          : "";
      return `<g transform="translate(490 450) rotate(${angle})"><path d="M0 0 L0 ${-height}" stroke="${shade(green, 0.2)}" stroke-width="7"/>${leaves}${flower}</g>`;
    })
    .join("");
}
