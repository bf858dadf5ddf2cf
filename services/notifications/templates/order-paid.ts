// "Your order is paid": what was bought, what it comes to.

import { goodsOf, isZero, moneyText, orderName, type Sum, type Template } from "../letter.ts";

export const orderPaid: Template<"order_paid"> = {
  subject: ({ orderId }) => `Your order ${orderName(orderId)} is paid`,
  letter: ({ orderId, items, currency, amounts, totalAmount }, names) => {
    const sums: Sum[] = [{ label: "Total paid", amount: moneyText(totalAmount, currency), strong: true }];
    if (amounts !== undefined) {
      const { subtotal, shipping, discount } = amounts;
      const free = isZero(shipping);
      const off = isZero(discount)
        ? []
        : [{ label: "Discount", amount: `−${moneyText(discount, currency)}` }];
      sums.unshift(
        { label: "Goods", amount: moneyText(subtotal, currency) },
        { label: "Shipping", amount: free ? "free" : moneyText(shipping, currency) },
        ...off,
      );
    }
    return {
      heading: "Thank you for your order",
      paragraphs: [`We have received your payment for order ${orderName(orderId)}. This is what you bought:`],
      goods: goodsOf(items, currency, names),
      sums,
      closing: "We will write again when we begin to prepare it.",
    };
  },
};
