// "Money went back to you": a refund by staff, the refund of a cancelled order, or a dispute that the bank decided. The
// event does not tell which, so the mail does not either.

import { moneyText, orderName, type Template } from "../letter.ts";

export const paymentRefunded: Template<"payment_refunded"> = {
  subject: ({ orderId, amount, currency }) =>
    `${moneyText(amount, currency)} of your order ${orderName(orderId)} went back to you`,
  letter: ({ orderId, amount, currency }) => ({
    heading: "Money is on its way back to you",
    paragraphs: [`Of your payment for order ${orderName(orderId)} this amount was returned:`],
    goods: [],
    sums: [{ label: "Returned", amount: moneyText(amount, currency), strong: true }],
    closing: "It goes to the card you paid with. Banks take up to ten days to show it.",
  }),
};
