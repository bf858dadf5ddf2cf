// What the inventory company offers us. A service that needs it lists it under `partners`
// and gets one typed function an operation.

import { definePartner, operation } from "@webstore/kit";
import { z } from "zod";
import {
  pageLimitMax,
  productIdShape,
  productIdsShape,
  reservationAnswer,
  reservationIdShape,
  reservationListAnswer,
  reserveBody,
  setStockBody,
  statusShape,
  stockAnswer,
  stockListAnswer,
} from "./api.ts";

export const inventory = definePartner({
  name: "inventory",
  port: 3003,
  operations: {
    /** At most 100 products; the list goes into the query with commas between. */
    getStock: operation({
      method: "GET",
      path: "/v1/stock",
      repeatable: true,
      request: z.strictObject({ product_ids: productIdsShape }),
      response: stockListAnswer,
      refusals: ["invalid_request"],
    }),
    setStock: operation({
      method: "PUT",
      path: "/v1/stock/{product_id}",
      repeatable: true,
      request: z.strictObject({ product_id: productIdShape, ...setStockBody.shape }),
      response: stockAnswer,
      refusals: ["invalid_request"],
    }),
    /** All lines or none. The id is the caller's, the order's: repeating it reserves nothing more. */
    reserve: operation({
      method: "PUT",
      path: "/v1/reservations/{reservation_id}",
      repeatable: true,
      request: z.strictObject({ reservation_id: reservationIdShape, ...reserveBody.shape }),
      response: reservationAnswer,
      refusals: ["invalid_request", "out_of_stock", "reservation_conflict", "reservation_released"],
    }),
    /** Also of an id that was never reserved: a reserve that comes late is then refused. */
    release: operation({
      method: "DELETE",
      path: "/v1/reservations/{reservation_id}",
      repeatable: true,
      request: z.strictObject({ reservation_id: reservationIdShape }),
      response: reservationAnswer,
      refusals: ["invalid_request"],
    }),
    getReservation: operation({
      method: "GET",
      path: "/v1/reservations/{reservation_id}",
      repeatable: true,
      request: z.strictObject({ reservation_id: reservationIdShape }),
      response: reservationAnswer,
      refusals: ["invalid_request", "not_found"],
    }),
    listReservations: operation({
      method: "GET",
      path: "/v1/reservations",
      repeatable: true,
      request: z.strictObject({
        status: statusShape.optional(),
        limit: z.int().min(1).max(pageLimitMax).optional(),
        after: reservationIdShape.optional(),
      }),
      response: reservationListAnswer,
      refusals: ["invalid_request"],
    }),
  },
});
