// "Your order has arrived".

import { goodsOf, moneyText, orderName, type Template } from "../letter.ts";

export const orderDelivered: Template<"order_delivered"> = {
  subject: ({ orderId }) => `Your order ${orderName(orderId)} has arrived`,
  letter: ({ orderId, items, currency, totalAmount }, names) => ({
    heading: "Your order has arrived",
    paragraphs: [`Order ${orderName(orderId)} was delivered:`],
    goods: goodsOf(items, currency, names),
    sums: [{ label: "Total", amount: moneyText(totalAmount, currency), strong: true }],
    closing: "We hope you like it. If anything is missing, please tell us.",
  }),
};
