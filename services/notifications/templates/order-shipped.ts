// "Your order is on its way".

import { goodsOf, moneyText, orderName, type Template } from "../letter.ts";

export const orderShipped: Template<"order_shipped"> = {
  subject: ({ orderId }) => `Your order ${orderName(orderId)} is on its way`,
  letter: ({ orderId, items, currency, totalAmount }, names) => ({
    heading: "Your order is on its way",
    paragraphs: [`Order ${orderName(orderId)} has left our warehouse with:`],
    goods: goodsOf(items, currency, names),
    sums: [{ label: "Total", amount: moneyText(totalAmount, currency), strong: true }],
    closing: "We will write again when it has arrived.",
  }),
};
