// The shapes of the CRM company's API, version 1: what its server accepts and what its
// callers may expect. Field names are those on the wire.

import { z } from "zod";

export const pageLimitMax = 100;
const pageLimitDefault = 50;

const idShape = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, "must be 1 to 64 letters, digits, - or _");

export const customerIdShape = idShape;
export const activityIdShape = z.uuid().toLowerCase();

export const profileBody = z.strictObject({
  /** Any script; no control characters and no broken ones. */
  name: z
    .string()
    .min(1)
    .max(200)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, "must be readable text")
    .optional(),
  email: z.email().max(254).optional(),
  /** ISO 3166-1 alpha-2. */
  country: z
    .string()
    .regex(/^[A-Z]{2}$/, "must be two capital letters")
    .optional(),
});

export const activityTypeShape = z.enum([
  "signed_up",
  "order_placed",
  "order_paid",
  "order_shipped",
  "order_delivered",
  "order_cancelled",
  "order_refunded",
]);

/** What happened. The id is the caller's: an activity with the same id is recorded once. */
export const activityFields = {
  activity_id: activityIdShape,
  type: activityTypeShape,
  order_id: idShape.optional(),
  amount_minor: z.int().min(0).optional(),
  /** ISO 4217. */
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/, "must be three capital letters")
    .optional(),
  occurred_at: z.iso.datetime({ offset: true }),
};
export const activityBody = z
  .strictObject(activityFields)
  .refine((activity) => (activity.amount_minor === undefined) === (activity.currency === undefined), {
    message: "an amount and its currency come together",
    path: ["amount_minor"],
  });

export const listQuery = z.strictObject({
  limit: z
    .string()
    .regex(/^\d{1,3}$/)
    .transform(Number)
    .pipe(z.int().min(1).max(pageLimitMax))
    .default(pageLimitDefault),
  /** The last activity id of the page before. */
  after: activityIdShape.optional(),
});

export const customerAnswer = z.object({
  customer_id: z.string(),
  name: z.string().optional(),
  email: z.string().optional(),
  country: z.string().optional(),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
});
export const activityAnswer = z.object({
  activity_id: z.string(),
  customer_id: z.string(),
  type: z.string(),
  order_id: z.string().optional(),
  amount_minor: z.int().optional(),
  currency: z.string().optional(),
  occurred_at: z.string(),
  recorded_at: z.iso.datetime(),
});
export const activityListAnswer = z.object({
  /** In the order in which they were recorded. */
  activities: z.array(activityAnswer),
  /** What to pass as `after` for the next page; empty on the last. */
  next_after: z.string(),
});

export type Profile = z.output<typeof profileBody>;
export type ActivityDraft = z.output<typeof activityBody>;
export type Customer = z.output<typeof customerAnswer>;
export type Activity = z.output<typeof activityAnswer>;
