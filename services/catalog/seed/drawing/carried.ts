// Notebooks, bags, headphones, candles and plant pots. `variant` 0 to 4 chooses the shape or the decoration.

import { type Colors, type Paint, picture, repeat, shade, tint } from "./canvas.ts";

export function notebook(colors: Colors, variant: number): string {
  return picture(colors, {
    shadow: 300,
    draw: (paint) => {
      const { main, accent } = colors;
      const cover = paint.clip('<rect x="270" y="170" width="470" height="660" rx="26"/>');
      const ring = variant === 2;
      return `
<g transform="rotate(-5 500 520)">
<rect x="296" y="196" width="470" height="664" rx="26" fill="${shade(main, 0.45)}"/>
<rect x="290" y="188" width="466" height="660" rx="18" fill="#f4ecdc"/>
${repeat(5, (index) => `<path d="M300 ${836 - index * 5} L748 ${836 - index * 5} " stroke="#d9ccb4" stroke-width="2"/>`)}
<rect x="270" y="170" width="470" height="660" rx="26" fill="${paint.fall(tint(main, 0.18), shade(main, 0.12))}"/>
<g clip-path="${cover}"><rect x="270" y="170" width="62" height="660" fill="${shade(main, 0.22)}"/>${notebookCover(paint, variant)}</g>
${ring ? repeat(13, (index) => `<rect x="246" y="${200 + index * 46}" width="62" height="18" rx="9" fill="${paint.cylinder("#b9bcc4")}"/>`) : `<rect x="668" y="166" width="20" height="670" fill="${shade(accent, 0.12)}"/><path d="M520 826 L520 916 L536 900 L552 916 L552 826 Z" fill="${accent}"/>`}
</g>`;
    },
  });
}

function notebookCover(paint: Paint, variant: number): string {
  const { main, accent } = paint.colors;
  const label = `<rect x="400" y="290" width="216" height="130" rx="12" fill="#fbf4e6"/><path d="M432 336 L584 336 M432 372 L548 372" stroke="${shade(main, 0.3)}" stroke-width="8" stroke-linecap="round"/>`;
  const covers = [
    label,
    `<path d="M330 620 L430 480 L510 580 L600 420 L760 640 L760 860 L330 860 Z" fill="${accent}" opacity=".9"/><circle cx="570" cy="310" r="52" fill="${tint(accent, 0.45)}"/>`,
    repeat(
      60,
      (index) =>
        `<circle cx="${370 + (index % 6) * 58}" cy="${230 + Math.floor(index / 6) * 60}" r="7" fill="${accent}" opacity=".8"/>`,
    ),
    `<path d="M500 250 C 640 330 640 560 500 740 C 360 560 360 330 500 250 Z" fill="${accent}" opacity=".9"/><path d="M500 300 L500 730 M500 420 L570 370 M500 420 L430 370 M500 520 L580 460 M500 520 L420 460 M500 620 L560 570 M500 620 L440 570" stroke="${main}" stroke-width="9" stroke-linecap="round"/>`,
    `${repeat(6, (index) => `<path d="M332 ${250 + index * 100} L760 ${150 + index * 100}" stroke="${accent}" stroke-width="${index % 2 === 0 ? 34 : 12}" opacity=".85"/>`)}${label}`,
  ];
  return covers[variant] ?? "";
}

export function bag(colors: Colors, variant: number): string {
  return picture(colors, {
    shadow: 310,
    draw: (paint) => (variant % 2 === 0 ? backpack(paint, variant) : tote(paint, variant)),
  });
}

function backpack(paint: Paint, variant: number): string {
  const { main, accent } = paint.colors;
  const leather = shade(accent, 0.1);
  const buckle = (x: number) =>
    `<rect x="${x}" y="440" width="46" height="210" rx="10" fill="${leather}"/><rect x="${x - 9}" y="560" width="64" height="46" rx="9" fill="none" stroke="#d9b36a" stroke-width="11"/>`;
  return `
<path d="M420 200 C 420 110 580 110 580 200" fill="none" stroke="${leather}" stroke-width="30"/>
<path d="M268 420 C 190 520 190 700 262 800" fill="none" stroke="${shade(main, 0.4)}" stroke-width="42" stroke-linecap="round"/>
<path d="M732 420 C 810 520 810 700 738 800" fill="none" stroke="${shade(main, 0.45)}" stroke-width="42" stroke-linecap="round"/>
<path d="M260 420 C 260 250 350 180 500 180 C 650 180 740 250 740 420 L752 800 Q752 868 680 868 L320 868 Q248 868 248 800 Z" fill="${paint.cylinder(main)}"/>
<rect x="310" y="600" width="380" height="220" rx="34" fill="${shade(main, 0.16)}"/>
<rect x="310" y="600" width="380" height="212" rx="34" fill="${paint.fall(tint(main, 0.1), shade(main, 0.1))}"/>
<path d="M256 400 C 262 240 356 176 500 176 C 644 176 738 240 744 400 L744 500 Q744 540 700 540 L300 540 Q256 540 256 500 Z" fill="${paint.fall(tint(variant === 4 ? accent : main, 0.22), variant === 4 ? accent : shade(main, 0.06))}"/>
<path d="M276 500 Q278 522 302 522 L698 522 Q722 522 724 500" fill="none" stroke="${tint(main, 0.4)}" stroke-width="4" stroke-dasharray="12 8" opacity=".8"/>
${variant === 2 ? `<rect x="477" y="440" width="46" height="210" rx="10" fill="${leather}"/><circle cx="500" cy="590" r="17" fill="#d9b36a"/>` : buckle(360) + buckle(594)}`;
}

function tote(paint: Paint, variant: number): string {
  const { main, accent } = paint.colors;
  const outline = "M250 400 L750 400 L790 820 Q792 868 740 868 L260 868 Q208 868 210 820 Z";
  const decoration =
    variant === 1
      ? repeat(
          5,
          (index) =>
            `<path d="M190 ${480 + index * 84} L810 ${480 + index * 84}" stroke="${accent}" stroke-width="30"/>`,
        )
      : `<path d="M190 650 L810 650 L810 900 L190 900 Z" fill="${paint.cylinder(accent)}"/><path d="M190 660 L810 660" stroke="${tint(accent, 0.4)}" stroke-width="4" stroke-dasharray="13 9"/>`;
  return `
<path d="M370 420 C 350 130 650 130 630 420" fill="none" stroke="${shade(accent, 0.42)}" stroke-width="28"/>
<path d="${outline}" fill="${paint.cylinder(main)}"/>
<g clip-path="${paint.clip(`<path d="${outline}"/>`)}">${decoration}</g>
<path d="M250 400 L750 400 L754 440 L246 440 Z" fill="${shade(main, 0.14)}"/>
<path d="M350 500 L350 420 C 340 90 660 90 650 420 L650 500" fill="none" stroke="${shade(accent, 0.12)}" stroke-width="30" stroke-linecap="round"/>
<circle cx="350" cy="484" r="9" fill="#d9b36a"/><circle cx="650" cy="484" r="9" fill="#d9b36a"/>`;
}

export function headphones(colors: Colors, variant: number): string {
  const width = [46, 30, 58, 38, 50][variant] ?? 46;
  return picture(colors, {
    shadow: 320,
    draw: (paint) => {
      const { main, accent } = colors;
      const cup = (x: number, side: number) => `
<g transform="translate(${x} 650) rotate(${side * 7})">
<rect x="${side < 0 ? 24 : -104}" y="-150" width="80" height="300" rx="40" fill="${paint.fall("#4a4652", "#26222e")}"/>
<rect x="-72" y="-168" width="144" height="336" rx="72" fill="${paint.cylinder(main)}"/>
<ellipse rx="46" ry="118" fill="${paint.ball(variant % 2 === 0 ? accent : shade(main, 0.2))}"/>
${variant === 3 ? repeat(7, (index) => `<circle cx="0" cy="${-78 + index * 26}" r="6" fill="${tint(main, 0.5)}"/>`) : `<ellipse rx="20" ry="58" fill="none" stroke="${tint(accent, 0.5)}" stroke-width="6"/>`}
</g>`;
      return `<g transform="translate(0 46)">
<path d="M236 600 C 190 120 810 120 764 600" fill="none" stroke="${shade(main, 0.4)}" stroke-width="${width + 12}"/>
<path d="M236 600 C 190 120 810 120 764 600" fill="none" stroke="${paint.cylinder(main)}" stroke-width="${width}"/>
<path d="M330 330 C 400 226 600 226 670 330" fill="none" stroke="${shade(accent, 0.3)}" stroke-width="${width + 18}" stroke-linecap="round"/>
<path d="M340 312 C 410 226 580 222 650 300" fill="none" stroke="${tint(accent, 0.35)}" stroke-width="10" stroke-linecap="round" opacity=".8"/>
<rect x="216" y="430" width="38" height="110" rx="14" fill="${paint.cylinder("#c3c5cc")}"/><rect x="746" y="430" width="38" height="110" rx="14" fill="${paint.cylinder("#c3c5cc")}"/>
${cup(238, -1)}${cup(762, 1)}
${variant === 1 || variant === 4 ? `<path d="M226 816 C 240 900 420 880 520 872 S 700 908 790 880" fill="none" stroke="${shade(main, 0.5)}" stroke-width="11" stroke-linecap="round"/>` : ""}</g>`;
    },
  });
}

export function candle(colors: Colors, variant: number): string {
  const pillar = variant % 2 === 1;
  return picture(colors, {
    shadow: 225,
    draw: (paint) => {
      const flame = (x: number, y: number, scale: number) => `
<circle cx="${x}" cy="${y - 60}" r="${260 * scale}" fill="${paint.glow("#ffdf95", 0.75)}"/>
<path d="M${x} ${y} L${x} ${y - 50}" stroke="#3b2b26" stroke-width="9" stroke-linecap="round"/>
<g transform="translate(${x} ${y - 30}) scale(${scale})"><path d="M0 0 C-46 -30 -34 -84 0 -140 C34 -84 46 -30 0 0 Z" fill="#ffb84a"/><path d="M0 -4 C-24 -22 -18 -52 0 -90 C18 -52 24 -22 0 -4 Z" fill="#fff3c9"/></g>`;
      return pillar ? pillars(paint, variant, flame) : jar(paint, variant, flame);
    },
  });
}

type Flame = (x: number, y: number, scale: number) => string;

function pillars(paint: Paint, variant: number, flame: Flame): string {
  const { main, accent } = paint.colors;
  const one = (x: number, top: number, width: number, color: string) => `
<path d="M${x - width} ${top} L${x - width} 850 Q${x} 880 ${x + width} 850 L${x + width} ${top} Z" fill="${paint.cylinder(color)}"/>
<ellipse cx="${x}" cy="${top}" rx="${width}" ry="${width * 0.24}" fill="${tint(color, 0.5)}"/>
${flame(x, top + 6, width / 95)}`;
  return variant === 1
    ? one(610, 560, 88, accent) + one(410, 400, 100, main)
    : one(330, 640, 78, accent) + one(670, 590, 82, tint(main, 0.25)) + one(500, 430, 92, main);
}

function jar(paint: Paint, variant: number, flame: Flame): string {
  const { main, accent } = paint.colors;
  const lid =
    variant === 2
      ? ""
      : `<ellipse cx="490" cy="438" rx="206" ry="46" fill="none" stroke="${tint(main, 0.6)}" stroke-width="12"/>`;
  const ribs =
    variant === 4
      ? repeat(
          8,
          (index) =>
            `<path d="M${318 + index * 49} 470 L${324 + index * 47} 846" stroke="${shade(main, 0.35)}" stroke-width="7" opacity=".4"/>`,
        )
      : "";
  return `
<path d="M284 438 L296 816 Q300 868 360 870 L620 870 Q680 868 684 816 L696 438 Z" fill="${paint.cylinder(main)}"/>
${ribs}
<ellipse cx="490" cy="438" rx="206" ry="46" fill="${shade(main, 0.3)}"/>
<ellipse cx="490" cy="458" rx="192" ry="38" fill="#fff6e3"/>
<ellipse cx="490" cy="460" rx="120" ry="20" fill="#ffe6ae"/>
${flame(490, 462, 1)}
${lid}
<rect x="372" y="590" width="236" height="170" rx="${variant === 2 ? 85 : 14}" fill="#fbf4e6"/>
<path d="M420 ${variant === 2 ? 660 : 640} L560 ${variant === 2 ? 660 : 640} M446 ${variant === 2 ? 694 : 680} L534 ${variant === 2 ? 694 : 680}" stroke="${shade(accent, 0.25)}" stroke-width="9" stroke-linecap="round"/>
${variant === 2 ? "" : `<circle cx="490" cy="718" r="13" fill="${accent}"/>`}
<path d="M322 500 L330 800" stroke="#ffffff" stroke-width="16" stroke-linecap="round" opacity=".35"/>`;
}

export function plantPot(colors: Colors, variant: number): string {
  return picture(colors, {
    shadow: 235,
    draw: (paint) => {
      const { main, accent } = colors;
      const body = "M310 580 L350 832 Q356 868 400 868 L580 868 Q624 868 630 832 L670 580 Z";
      const decoration = [
        "",
        `<path d="M280 690 L700 690 L700 760 L280 760 Z" fill="${accent}"/>`,
        repeat(
          6,
          (index) => `<path d="M${300 + index * 66} 870 l 33 -90 l 33 90 Z" fill="${accent}" opacity=".9"/>`,
        ),
        `<path d="M280 720 Q490 780 700 720 L700 900 L280 900 Z" fill="${paint.cylinder(accent)}"/>`,
        repeat(
          18,
          (index) =>
            `<circle cx="${330 + (index % 6) * 64}" cy="${680 + Math.floor(index / 6) * 64}" r="11" fill="${accent}"/>`,
        ),
      ][variant];
      return `
${foliage(paint, variant)}
<path d="${body}" fill="${paint.cylinder(main)}"/>
<g clip-path="${paint.clip(`<path d="${body}"/>`)}">${decoration}</g>
<path d="M290 548 L690 548 L680 620 Q490 640 300 620 Z" fill="${paint.cylinder(tint(main, 0.08))}"/>
<path d="M302 622 Q490 642 678 622 L676 634 Q490 656 304 634 Z" fill="${shade(main, 0.5)}" opacity=".35"/>`;
    },
  });
}

function foliage(paint: Paint, variant: number): string {
  const green = ["#4f8a5b", "#5d9468", "#6aa37a", "#3f7d5c", "#7ba05b"][variant] ?? "#4f8a5b";
  const leaf = (angle: number, length: number, width: number, color: string) =>
    `<g transform="translate(490 570) rotate(${angle})"><path d="M0 0 C${-width} ${-length * 0.35} ${-width * 0.8} ${-length * 0.8} 0 ${-length} C${width * 0.8} ${-length * 0.8} ${width} ${-length * 0.35} 0 0 Z" fill="${color}"/><path d="M0 0 L0 ${-length * 0.92}" stroke="${shade(color, 0.25)}" stroke-width="5"/></g>`;
  const tones = [green, shade(green, 0.18), tint(green, 0.18)];
  const fan = (angles: readonly number[], length: number, width: number) =>
    angles
      .map((angle, index) => leaf(angle, length - (index % 3) * 46, width, tones[index % 3] ?? green))
      .join("");
  const cactus = `
<path d="M420 570 L420 300 Q420 210 490 210 Q560 210 560 300 L560 570 Z" fill="${paint.cylinder(green)}"/>
<path d="M420 470 L360 470 Q316 470 316 420 L316 370" fill="none" stroke="${green}" stroke-width="64" stroke-linecap="round"/>
<path d="M560 420 L620 420 Q660 420 660 380 L660 330" fill="none" stroke="${shade(green, 0.2)}" stroke-width="60" stroke-linecap="round"/>
${repeat(12, (index) => `<path d="M${452 + (index % 3) * 38} ${300 + Math.floor(index / 3) * 64} l 0 22" stroke="${tint(green, 0.6)}" stroke-width="6" stroke-linecap="round"/>`)}
<circle cx="490" cy="206" r="32" fill="#ef7fa0"/><circle cx="490" cy="202" r="13" fill="#ffd98a"/>`;
  const plants = [
    fan([-62, 58, -40, 38, -20, 18, 0], 430, 92),
    fan([-20, 19, -12, 11, -5, 4], 480, 40),
    cactus,
    fan([-86, 84, -66, 64, -48, 46, -30, 28, -12, 10], 370, 52),
    fan([-70, 70, -46, 46, -24, 24, 0], 270, 96),
  ];
  return plants[variant] ?? "";
}
