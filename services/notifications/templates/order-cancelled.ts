// "Your order is cancelled": what goes back, and what the cancellation costs. Both are nothing for an order that was
// cancelled while it was being placed.

import { isZero, moneyText, orderName, type Template } from "../letter.ts";

export const orderCancelled: Template<"order_cancelled"> = {
  subject: ({ orderId }) => `Your order ${orderName(orderId)} is cancelled`,
  letter: ({ orderId, currency, refundAmount, feeAmount }) => {
    const heading = "Your order is cancelled";
    if (isZero(refundAmount) && isZero(feeAmount)) {
      return {
        heading,
        paragraphs: [
          `Order ${orderName(orderId)} was cancelled before it was paid, so it costs you nothing.`,
          "Should your bank show an amount for it, that amount is released in full.",
        ],
        goods: [],
        sums: [],
        closing: "You are welcome back whenever you like.",
      };
    }
    return {
      heading,
      paragraphs: [`Order ${orderName(orderId)} was cancelled. This is what we give back to you:`],
      goods: [],
      sums: [
        { label: "Cancellation fee", amount: moneyText(feeAmount, currency) },
        { label: "Refund", amount: moneyText(refundAmount, currency), strong: true },
      ],
      closing: "The refund goes to the card you paid with. Banks take up to ten days to show it.",
    };
  },
};
