// The two pages that a shopper's browser sees: the receipt, and the bank asking who they are.

import { answerAction } from "./admin.ts";
import { ApiError } from "./api-error.ts";
import { parseForm } from "./form.ts";
import type { PaymentIntent } from "./payment-intent.ts";
import { checkSecret } from "./payment-intent-operations.ts";
import type { Provider } from "./provider.ts";

export type Page = { readonly status: number; readonly html: string; readonly location?: string };

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? "");
}

/** `body` is HTML; whatever came from outside in it is escaped already. */
function page(status: number, title: string, body: string): Page {
  const head = `<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title>`;
  const style =
    "<style>body{font:16px system-ui;max-width:28rem;margin:4rem auto;padding:0 1rem}button{font:inherit;padding:.5rem 1rem}</style>";
  return {
    status,
    html: `<!doctype html><html lang="en"><head>${head}${style}</head><body><h1>${escapeHtml(title)}</h1>${body}</body></html>`,
  };
}

const notFound = page(404, "Not found", "<p>There is nothing here.</p>");

function amountText(amountMinor: number, currency: string): string {
  const format = new Intl.NumberFormat("en", { style: "currency", currency });
  const digits = format.resolvedOptions().maximumFractionDigits ?? 2;
  return format.format(amountMinor / 10 ** digits);
}

function receipt(provider: Provider, chargeId: string): Page {
  const charge = provider.store.charges.find(chargeId);
  if (charge === undefined || !charge.paid) return notFound;
  const { brand, last4 } = charge.payment_method_details.card;
  const lines = [
    `Paid: ${amountText(charge.captured ? charge.amount_captured : charge.amount, charge.currency)}`,
    `Card: ${brand} •••• ${last4}`,
    `Date: ${new Date(charge.created * 1_000).toISOString().slice(0, 10)}`,
    ...(charge.amount_refunded > 0
      ? [`Refunded: ${amountText(charge.amount_refunded, charge.currency)}`]
      : []),
  ];
  return page(200, "Receipt", lines.map((line) => `<p>${escapeHtml(line)}</p>`).join(""));
}

function question(intent: PaymentIntent): Page {
  const buttons = [
    '<button name="outcome" value="succeeded">Yes, this is me</button>',
    '<button name="outcome" value="failed">No</button>',
  ];
  const amount = amountText(intent.amount, intent.currency);
  return page(
    200,
    "Confirm your payment",
    `<p>Your bank asks: do you pay ${escapeHtml(amount)}?</p><form method="post">${buttons.join(" ")}</form>`,
  );
}

function afterAction(intent: PaymentIntent, outcome: "succeeded" | "failed"): Page {
  const returnUrl = intent.next_action?.redirect_to_url.return_url;
  const done = page(
    200,
    outcome === "succeeded" ? "Thank you" : "Not confirmed",
    "<p>You can close this page.</p>",
  );
  if (returnUrl === null || returnUrl === undefined) return done;
  const location = new URL(returnUrl);
  location.searchParams.set("payment_intent", intent.id);
  location.searchParams.set("payment_intent_client_secret", intent.client_secret);
  location.searchParams.set("redirect_status", outcome);
  return { ...done, status: 303, location: location.href };
}

function authentication(
  provider: Provider,
  intentId: string,
  request: { method: string; query: string; form: string; requestId: string },
): Page {
  const intent = provider.store.paymentIntents.find(intentId);
  if (intent === undefined) return notFound;
  checkSecret(intent, new URLSearchParams(request.query).get("client_secret") ?? "");
  if (intent.status !== "requires_action")
    return page(409, "Nothing to confirm", "<p>You can close this page.</p>");
  if (request.method === "GET") return question(intent);
  const { outcome } = parseForm(request.form);
  if (outcome !== "succeeded" && outcome !== "failed")
    return page(400, "Please choose", "<p>Go back and choose.</p>");
  answerAction(provider, { intentId, outcome, requestId: request.requestId });
  return afterAction(intent, outcome);
}

export function answerPage(
  provider: Provider,
  request: { method: string; path: string; query: string; form: string; requestId: string },
): Page {
  const [, name, id = ""] = request.path.split("/");
  try {
    if (name === "receipts" && request.method === "GET") return receipt(provider, id);
    if (name === "authenticate") return authentication(provider, id, request);
    return notFound;
  } catch (error) {
    if (error instanceof ApiError) return notFound;
    throw error;
  }
}
