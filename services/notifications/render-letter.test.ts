// The mails as people read them: every kind once, and nothing that comes from outside gets out of its place.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Facts } from "./facts.ts";
import { html } from "./html.ts";
import { moneyText, oneLine } from "./letter.ts";
import { renderLetter } from "./render-letter.ts";
import { letterOf, subjectOf } from "./template.ts";
import { customerId, lampId, mugId, paidFacts } from "./testing-notifications.ts";

const orderId = "3f2a91bc-0000-8000-8000-000000000001";
const about = { orderId, customerId, currency: "USD" };
const names = new Map([
  [mugId, "Blue mug"],
  [lampId, "Desk lamp"],
]);
const paid = paidFacts({ orderId });
const { items, totalAmount } = paid;
const goods = { ...about, items, totalAmount };

const mailOf = (facts: Facts, productNames: ReadonlyMap<string, string> = names) => ({
  subject: subjectOf(facts),
  ...renderLetter(letterOf(facts, productNames), { store: "WebStore", customer: "ada", orderId }),
});

test("the mail of a paid order has its lines, its sums and its id", () => {
  expect(mailOf(paid)).toMatchObject({
    subject: "Your order 3F2A91BC is paid",
    text: `Hello ada,

We have received your payment for order 3F2A91BC. This is what you bought:

- 2 × Blue mug, $12.49 each: $24.98
- 1 × Desk lamp, $27.10 each: $27.10

Goods:      $52.08
Shipping:   $5.99
Discount:   −$5.10
Total paid: $52.97

We will write again when we begin to prepare it.

-- 
WebStore
Order ${orderId}
`,
  });
});

test("an order without shipping and discount says free, and nothing of a discount", () => {
  const { text } = mailOf({ ...paid, amounts: { subtotal: "52.97", shipping: "0.00", discount: "0.00" } });
  expect(text).toMatch(/Shipping: +free/);
  expect(text).not.toContain("Discount");
});

test.each<[Facts, string, RegExp]>([
  [
    { kind: "order_processing", ...goods },
    "We are preparing your order 3F2A91BC",
    /2 × Blue mug[\s\S]*Total: \$52\.97/,
  ],
  [{ kind: "order_shipped", ...goods }, "Your order 3F2A91BC is on its way", /2 × Blue mug/],
  [{ kind: "order_delivered", ...goods }, "Your order 3F2A91BC has arrived", /2 × Blue mug/],
  [
    { kind: "order_cancelled", ...about, refundAmount: "50.32", feeAmount: "2.65" },
    "Your order 3F2A91BC is cancelled",
    /Cancellation fee: \$2\.65\nRefund: +\$50\.32/,
  ],
  [
    { kind: "order_cancelled", ...about, refundAmount: "0.00", feeAmount: "0.00" },
    "Your order 3F2A91BC is cancelled",
    /cancelled before it was paid, so it costs you nothing/,
  ],
  [
    { kind: "payment_refunded", ...about, amount: "5.00" },
    "$5.00 of your order 3F2A91BC went back to you",
    /Returned: \$5\.00/,
  ],
])("$kind", (facts, subject, says) => {
  const mail = mailOf(facts);
  expect(mail.subject).toBe(subject);
  expect(mail.text).toMatch(says);
  expect(mail.text).toContain(`Order ${orderId}`);
  expect(mail.html).toContain(orderId);
});

test("a refund with yen is not a refund of nothing", () => {
  const facts: Facts = {
    kind: "order_cancelled",
    ...about,
    currency: "JPY",
    refundAmount: "1900",
    feeAmount: "100",
  };
  expect(mailOf(facts).text).toMatch(/Refund: +¥1,900/);
});

test.each([
  ["19.99", "USD", "$19.99"],
  ["1234567.80", "USD", "$1,234,567.80"],
  ["9999999999999.99", "USD", "$9,999,999,999,999.99"],
  ["19.99", "EUR", "€19.99"],
  ["1999", "JPY", "¥1,999"],
  ["1.234", "KWD", "KWD\u00a01.234"],
  ["19.9", "CHF", "CHF\u00a019.90"],
])("%s %s reads %s", (amount, currency, text) => {
  expect(moneyText(amount, currency)).toBe(text);
});

describe("hostile names", () => {
  const hostile = `</td><script>alert(1)</script><img src=x onerror="alert('2')">&`;

  test("are text in HTML, wherever they come from", () => {
    const named = new Map([[mugId, hostile]]);
    const bodies = renderLetter(letterOf(paid, named), { store: hostile, customer: hostile, orderId });
    expect(bodies.html).not.toMatch(/<script|<img|onerror="/);
    expect(bodies.html).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
    expect(bodies.html.match(/&lt;script&gt;/g)).toHaveLength(3);
  });

  test("stay on their line, in their direction, and short", () => {
    const named = new Map([[mugId, `Mug\r\n\r\nYour account is closed\u202e\u2066\0${"x".repeat(500)}`]]);
    const { text } = mailOf(paid, named);
    const [line = ""] = text.split("\n").filter((each) => each.includes("Your account"));
    expect(line).toMatch(/^- 2 × Mug Your account is closed x+…, \$12\.49 each: \$24\.98$/);
    expect(line.length).toBeLessThan(250);
  });

  test("that are empty, or nobody knows, are the product's id", () => {
    expect(mailOf(paid, new Map([[mugId, " \n "]])).text).toContain(`2 × Product ${mugId},`);
    expect(mailOf(paid, new Map()).text).toContain(`1 × Product ${lampId},`);
  });

  test("never open a tag, an attribute or an entity", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."<>&\"'`a=/ ;") }), (text) => {
        const made = html`<p title="${text}">${text}</p>`.html;
        const inside = made.slice('<p title="'.length, -"</p>".length).replace('">', "");
        expect(inside).not.toMatch(/[<>"']/);
        expect(inside.replace(/&(amp|lt|gt|quot|#39);/g, "")).not.toContain("&");
      }),
    );
  });

  test("are one well-formed line whatever they are", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 400 }), (text) => {
        const line = oneLine(text);
        expect(line).not.toMatch(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u);
        expect(line.isWellFormed()).toBe(true);
        expect(line.length).toBeLessThanOrEqual(200);
      }),
    );
  });
});

test("a mail's HTML asks nobody for anything", () => {
  expect(mailOf(paid).html).not.toMatch(/https?:|src=|href=|url\(|@import|<link|<script/);
});
