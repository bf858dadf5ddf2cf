// What every picture of the demo's products is drawn with: colours that are lit from the upper left, and the
// table that things stand on. A picture is SVG text, 1000 units wide and high; the same input gives the same text.

/** The three colours that a picture is made of, as `#rrggbb`. */
export type Colors = { readonly main: string; readonly accent: string; readonly backdrop: string };

/** Fills that need a definition; each gives what to write as `fill`. */
export type Paint = {
  readonly colors: Colors;
  /** Something round that stands upright: light on its left third, dark at its edges. */
  cylinder(color: string): string;
  /** Something like a ball. */
  ball(color: string): string;
  /** From one colour at the top to another at the bottom. */
  fall(top: string, bottom: string): string;
  /** Light that fades outwards. */
  glow(color: string, opacity: number): string;
  /** Keeps what is drawn within an outline, given as shapes. */
  clip(shapes: string): string;
};

const dark = "#241b2f";
const light = "#fffaf2";

/** `share` 0 gives `a`, 1 gives `b`. */
export function mix(a: string, b: string, share: number): string {
  const channel = (from: number) => {
    const x = Number.parseInt(a.slice(from, from + 2), 16);
    const y = Number.parseInt(b.slice(from, from + 2), 16);
    return Math.round(x + (y - x) * share)
      .toString(16)
      .padStart(2, "0");
  };
  return `#${channel(1)}${channel(3)}${channel(5)}`;
}

export const shade = (color: string, share: number): string => mix(color, dark, share);
export const tint = (color: string, share: number): string => mix(color, light, share);

/** One picture: `draw` says what stands on the table, from behind to the front. `shadow` is how wide it stands, 0 for what hangs. */
export function picture(
  colors: Colors,
  is: { readonly shadow: number; readonly draw: (paint: Paint) => string },
): string {
  const definitions: string[] = [];
  const paint = paintOf(colors, definitions);
  const wall = paint.fall(tint(colors.backdrop, 0.5), colors.backdrop);
  const things = is.draw(paint);
  const table =
    is.shadow === 0
      ? ""
      : `<rect y="790" width="1000" height="210" fill="${paint.fall(shade(colors.backdrop, 0.12), shade(colors.backdrop, 0.05))}"/>
<ellipse cx="515" cy="868" rx="${is.shadow * 1.18}" ry="40" fill="${paint.glow(dark, 0.42)}"/>`;
  const daylight = paint.glow(light, 0.5);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 1000">
<defs>${definitions.join("")}</defs>
<rect width="1000" height="1000" fill="${wall}"/>
<circle cx="300" cy="230" r="620" fill="${daylight}"/>
${table}
${things}
</svg>`;
}

function paintOf(colors: Colors, definitions: string[]): Paint {
  const define = (write: (id: string) => string): string => {
    const id = `p${definitions.length}`;
    definitions.push(write(id));
    return `url(#${id})`;
  };
  const stops = (all: readonly (readonly [number, string, number?])[]) =>
    all
      .map(
        ([at, color, opacity]) =>
          `<stop offset="${at}" stop-color="${color}"${opacity === undefined ? "" : ` stop-opacity="${opacity}"`}/>`,
      )
      .join("");
  return {
    colors,
    cylinder: (color) =>
      define(
        (id) =>
          `<linearGradient id="${id}">${stops([
            [0, shade(color, 0.16)],
            [0.1, color],
            [0.28, tint(color, 0.32)],
            [0.5, color],
            [1, shade(color, 0.34)],
          ])}</linearGradient>`,
      ),
    ball: (color) =>
      define(
        (id) =>
          `<radialGradient id="${id}" cx=".34" cy=".28" r=".85">${stops([
            [0, tint(color, 0.45)],
            [0.4, color],
            [1, shade(color, 0.4)],
          ])}</radialGradient>`,
      ),
    fall: (top, bottom) =>
      define(
        (id) =>
          `<linearGradient id="${id}" x1="0" y1="0" x2="0" y2="1">${stops([
            [0, top],
            [1, bottom],
          ])}</linearGradient>`,
      ),
    glow: (color, opacity) =>
      define(
        (id) =>
          `<radialGradient id="${id}">${stops([
            [0, color, opacity],
            [0.55, color, opacity * 0.45],
            [1, color, 0],
          ])}</radialGradient>`,
      ),
    clip: (shapes) => define((id) => `<clipPath id="${id}">${shapes}</clipPath>`),
  };
}

/** `count` copies, each drawn by its number from 0. */
export const repeat = (count: number, draw: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => draw(index)).join("");

/** The place of one of many specks: all over the rectangle, in no visible rows, and always the same. */
export function scattered(
  index: number,
  left: number,
  top: number,
  width: number,
  height: number,
): readonly [number, number] {
  // The plane's counterpart of the golden ratio spreads any number of points evenly.
  const across = (0.5 + index * 0.7548776662) % 1;
  const down = (0.5 + index * 0.5698402909) % 1;
  return [Math.round(left + across * width), Math.round(top + down * height)];
}
