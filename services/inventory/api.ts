// The shapes of the inventory company's API, version 1: what its server accepts and what
// its callers may expect. Field names are those on the wire.

import { z } from "zod";

export const linesMax = 100;
export const stockQueryMax = 100;
export const pageLimitMax = 100;
const pageLimitDefault = 50;

/** No dots, slashes or commas: an id stands in paths and in lists as it is. */
const idShape = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, "must be 1 to 64 letters, digits, - or _");

export const productIdShape = idShape;
export const reservationIdShape = idShape;

const quantityShape = z.int().min(1).max(10_000);
const unitsShape = z.int().min(0).max(1_000_000_000);

export const lineShape = z.strictObject({ product_id: productIdShape, quantity: quantityShape });
export const linesShape = z
  .array(lineShape)
  .min(1)
  .max(linesMax)
  .refine((lines) => new Set(lines.map((line) => line.product_id)).size === lines.length, {
    message: "a product may be in one line only",
  });

export const productIdsShape = z.array(productIdShape).min(1).max(stockQueryMax);
export const setStockBody = z.strictObject({ available: unitsShape });
export const reserveBody = z.strictObject({ lines: linesShape });
export const statusShape = z.enum(["reserved", "released"]);

export const stockQuery = z.strictObject({
  product_ids: z
    .string()
    .max(stockQueryMax * 65)
    .transform((text) => text.split(","))
    .pipe(productIdsShape),
});
export const listQuery = z.strictObject({
  status: statusShape.optional(),
  limit: z
    .string()
    .regex(/^\d{1,3}$/)
    .transform(Number)
    .pipe(z.int().min(1).max(pageLimitMax))
    .default(pageLimitDefault),
  /** The last reservation id of the page before. */
  after: reservationIdShape.optional(),
});

export const stockAnswer = z.object({
  product_id: z.string(),
  /** Units that can still be reserved. */
  available: z.int(),
  reserved: z.int(),
});
export const stockListAnswer = z.object({ stock: z.array(stockAnswer) });
export const reservationAnswer = z.object({
  reservation_id: z.string(),
  status: statusShape,
  /** Sorted by product; empty when it was released before it was ever made. */
  lines: z.array(z.object({ product_id: z.string(), quantity: z.int() })),
  created_at: z.iso.datetime(),
});
export const reservationListAnswer = z.object({
  reservations: z.array(reservationAnswer),
  /** What to pass as `after` for the next page; empty on the last. */
  next_after: z.string(),
});

export type Line = z.output<typeof lineShape>;
export type Stock = z.output<typeof stockAnswer>;
export type Reservation = z.output<typeof reservationAnswer>;
export type ReservationStatus = z.output<typeof statusShape>;
