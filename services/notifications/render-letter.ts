// A letter as the two bodies of a mail: plain text, and HTML that needs nothing from anywhere. Pure.

import { type Html, html } from "./html.ts";
import { type GoodsLine, type Letter, oneLine, type Sum } from "./letter.ts";

export type Frame = {
  /** Who writes. */
  readonly store: string;
  /** Who reads. */
  readonly customer: string;
  readonly orderId: string;
};

export type Bodies = { readonly text: string; readonly html: string };

export function renderLetter(letter: Letter, frame: Frame): Bodies {
  const clean = { ...frame, store: oneLine(frame.store), customer: oneLine(frame.customer) };
  return { text: textOf(letter, clean), html: htmlOf(letter, clean).html };
}

function textOf(letter: Letter, { store, customer, orderId }: Frame): string {
  const goods = letter.goods.map(
    ({ quantity, name, each, total }) => `- ${quantity} × ${name}, ${each} each: ${total}`,
  );
  const widest = Math.max(0, ...letter.sums.map(({ label }) => label.length)) + 1;
  const sums = letter.sums.map(({ label, amount }) => `${`${label}:`.padEnd(widest)} ${amount}`);
  const blocks = [
    [`Hello ${customer},`],
    ...letter.paragraphs.map((paragraph) => [paragraph]),
    goods,
    sums,
    [letter.closing],
    ["-- ", store, `Order ${orderId}`],
  ];
  return `${blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

const ink = "#1f2933";
const soft = "#66727f";
const line = "#e4e8ec";
const font = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";

function htmlOf(letter: Letter, { store, customer, orderId }: Frame): Html {
  const paragraphs = letter.paragraphs.map(
    (paragraph) => html`<p style="margin:0 0 16px">${paragraph}</p>\n`,
  );
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${letter.heading}</title>
</head>
<body style="margin:0;padding:24px 12px;background:#f3f5f7;color:${ink};${font};font-size:16px;line-height:1.5">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr><td align="center">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="max-width:560px">
<tr><td style="padding:0 8px 12px;font-size:14px;font-weight:600;color:${soft}">${store}</td></tr>
<tr><td style="padding:32px;background:#ffffff;border:1px solid ${line};border-radius:8px">
<h1 style="margin:0 0 20px;font-size:24px;line-height:1.25;font-weight:600">${letter.heading}</h1>
<p style="margin:0 0 16px">Hello ${customer},</p>
${paragraphs}${tableOf(letter)}<p style="margin:0">${letter.closing}</p>
</td></tr>
<tr><td style="padding:16px 8px 0;font-size:13px;color:${soft}">Order ${orderId}</td></tr>
</table>
</td></tr></table>
</body>
</html>
`;
}

function tableOf({ goods, sums }: Letter): Html {
  if (goods.length === 0 && sums.length === 0) return html``;
  return html`<table width="100%" cellpadding="0" cellspacing="0" style="margin:8px 0 24px;border-collapse:collapse">
${goods.map(goodsRow)}${sums.map(sumRow)}</table>
`;
}

function goodsRow({ quantity, name, each, total }: GoodsLine): Html {
  return html`<tr>
<td style="padding:10px 12px 10px 0;border-bottom:1px solid ${line}">${name}<br><span style="font-size:14px;color:${soft}">${String(quantity)} × ${each}</span></td>
<td align="right" valign="top" style="padding:10px 0;border-bottom:1px solid ${line};white-space:nowrap">${total}</td>
</tr>
`;
}

function sumRow({ label, amount, strong }: Sum): Html {
  const look = strong === true ? `font-weight:600;color:${ink}` : `color:${soft}`;
  return html`<tr>
<td style="padding:8px 12px 0 0;${look}">${label}</td>
<td align="right" style="padding:8px 0 0;white-space:nowrap;${look}">${amount}</td>
</tr>
`;
}
