// What the provider lists: what went back of a payment, whose a reference is, and all of its payments. The reading half
// of provider.stripe.ts, whose invariants hold here too.

import type { Stripe } from "stripe";
import type { Dispute } from "./dispute.ts";
import type { ListedPayment, ListedRange, Provider } from "./provider.ts";
import type { Ask } from "./provider-ask.ts";
import { eventOf, eventShape } from "./provider-event.ts";
import { fromProviderAmount } from "./provider-intent.ts";
import type { ProviderRefund } from "./refund.ts";

const pageSize = 100;
/** A payment has a hundred refunds of ours (refund.ts), each tried a few times; and a dispute or two. */
const pagesMax = 10;
/** How many disputed payments of a page are looked at at once. */
const disputesAtOnce = 10;
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function lists(
  { paymentIntents, refunds, disputes, events }: Stripe,
  ask: Ask,
): Pick<Provider, "returns" | "paymentIdOf" | "events" | "list"> {
  const disputesOf = (paymentIntent: string) =>
    allOf(ask, "disputes", (after) =>
      disputes.list({ payment_intent: paymentIntent, limit: pageSize, ...after }),
    );

  return {
    async returns({ providerReference: payment_intent, currency }) {
      // Disputes first: what is refunded before a charge is disputed is then in the second list.
      const demanded = await disputesOf(payment_intent);
      const returned = await allOf(ask, "refunds", (after) =>
        refunds.list({ payment_intent, limit: pageSize, ...after }),
      );
      if (demanded === undefined || returned === undefined) return { is: "unanswered" };
      return {
        is: "done",
        refunds: returned.map((each) => refundOf(each, currency)),
        disputes: demanded.map((each) => disputeOf(each, currency)),
      };
    },

    async paymentIdOf(reference) {
      const answer = await ask("retrieve", () => paymentIntents.retrieve(reference));
      // Any other refusal, such as one of our request, says nothing of the payment.
      if (answer.is === "refused" && answer.code === "resource_missing") return { is: "nothing" };
      if (answer.is !== "answered") return { is: "unanswered" };
      return { is: "done", paymentId: uuidIn(answer.object.metadata.payment_id) };
    },

    async events({ type, sinceMs, untilMs, after }) {
      const created = { gte: Math.floor(sinceMs / 1_000), lte: Math.floor(untilMs / 1_000) };
      const behind = after === undefined ? {} : { starting_after: after };
      const answer = await ask("events", () => events.list({ type, created, limit: pageSize, ...behind }));
      if (answer.is !== "answered") return { is: "unanswered" };
      const { data, has_more } = answer.object;
      const read = data.flatMap((each) => {
        const event = eventShape.safeParse(each);
        return event.success ? [eventOf(event.data)] : [];
      });
      return { is: "done", events: read, next: has_more ? data.at(-1)?.id : undefined };
    },

    async list(range) {
      const answer = await ask("list", () => paymentIntents.list(listParams(range)));
      if (answer.is === "refused") return { is: "refused" };
      if (answer.is !== "answered") return { is: "unanswered" };
      const { data, has_more: hasMore } = answer.object;
      const payments: ListedPayment[] = [];
      for (let start = 0; start < data.length; start += disputesAtOnce) {
        const some = data.slice(start, start + disputesAtOnce);
        const found = await Promise.all(
          some.map(async (each) => (isDisputed(each) ? disputesOf(each.id) : [])),
        );
        for (const [index, each] of some.entries()) {
          const own = found[index];
          if (own === undefined) return { is: "unanswered" };
          payments.push(listedPayment(each, own));
        }
      }
      return { is: "done", payments, hasMore };
    },
  };
}

/** Every object of a list; undefined when not all of it was answered. */
async function allOf<T extends { id: string }>(
  ask: Ask,
  operation: string,
  page: (after: { starting_after?: string }) => Promise<{ data: T[]; has_more: boolean }>,
): Promise<T[] | undefined> {
  const all: T[] = [];
  for (let count = 0; count < pagesMax; count += 1) {
    const last = all.at(-1);
    const answer = await ask(operation, () => page(last === undefined ? {} : { starting_after: last.id }));
    if (answer.is !== "answered") return undefined;
    all.push(...answer.object.data);
    if (!answer.object.has_more) return all;
  }
  return undefined;
}

function refundOf({ id, amount, status, metadata }: Stripe.Refund, currency: string): ProviderRefund {
  const isOver = status === "failed" || status === "canceled";
  return {
    reference: id,
    refundId: uuidIn(metadata?.refund_id),
    attempt: Number(metadata?.attempt ?? 0),
    amountMinor: fromProviderAmount(amount, currency),
    state: isOver ? "failed" : status === "succeeded" ? "succeeded" : "pending",
  };
}

/** A warning takes no money, and a dispute that was prevented took none. */
const disputeStates: Partial<Record<Stripe.Dispute.Status, Dispute["state"]>> = {
  needs_response: "open",
  under_review: "open",
  lost: "lost",
};

function disputeOf({ id, amount, status }: Stripe.Dispute, currency: string): Dispute {
  return {
    reference: id,
    amountMinor: fromProviderAmount(amount, currency),
    state: disputeStates[status] ?? "won",
  };
}

function listParams({ createdSinceMs, createdBeforeMs, after, limit }: ListedRange) {
  // The provider counts in seconds.
  const created = {
    ...(createdSinceMs === undefined ? {} : { gte: Math.ceil(createdSinceMs / 1_000) }),
    ...(createdBeforeMs === undefined ? {} : { lt: Math.ceil(createdBeforeMs / 1_000) }),
  };
  return {
    limit,
    created,
    expand: ["data.latest_charge"],
    ...(after === undefined ? {} : { starting_after: after }),
  };
}

const chargeOf = ({ latest_charge: charge }: Stripe.PaymentIntent): Stripe.Charge | undefined =>
  typeof charge === "object" && charge !== null ? charge : undefined;

const isDisputed = (intent: Stripe.PaymentIntent): boolean => chargeOf(intent)?.disputed === true;

function listedPayment(intent: Stripe.PaymentIntent, disputes: readonly Stripe.Dispute[]): ListedPayment {
  const currency = intent.currency.toUpperCase();
  const minor = (amount: number) => fromProviderAmount(amount, currency);
  const capturedMinor = minor(intent.amount_received);
  let refundedMinor = minor(chargeOf(intent)?.amount_refunded ?? 0);
  for (const { status, amount } of disputes) if (status === "lost") refundedMinor += minor(amount);
  return {
    reference: intent.id,
    orderId: uuidIn(intent.metadata.order_id),
    paymentId: uuidIn(intent.metadata.payment_id),
    status: intent.status,
    amountMinor: minor(intent.amount),
    currency,
    capturedMinor,
    // A dispute names all that was taken, also when some of it had gone back before.
    refundedMinor: refundedMinor < capturedMinor ? refundedMinor : capturedMinor,
    createTimeMs: intent.created * 1_000,
  };
}

/** What is no id of ours, such as what somebody else wrote there, is none at all. */
const uuidIn = (text: string | undefined): string => (text !== undefined && uuid.test(text) ? text : "");
