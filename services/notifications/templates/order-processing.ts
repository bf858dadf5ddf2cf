// "We are preparing your order".

import { goodsOf, moneyText, orderName, type Template } from "../letter.ts";

export const orderProcessing: Template<"order_processing"> = {
  subject: ({ orderId }) => `We are preparing your order ${orderName(orderId)}`,
  letter: ({ orderId, items, currency, totalAmount }, names) => ({
    heading: "We are preparing your order",
    paragraphs: [`Order ${orderName(orderId)} is being prepared for you:`],
    goods: goodsOf(items, currency, names),
    sums: [{ label: "Total", amount: moneyText(totalAmount, currency), strong: true }],
    closing: "We will write again when it is on its way. Until then you can still cancel it.",
  }),
};
