// The inventory API, operation by operation: request → store → answer.

import { type Answer, type Route, refusal, route } from "@webstore/simulator";
import { z } from "zod";
import {
  listQuery,
  productIdShape,
  type Reservation,
  reservationIdShape,
  reserveBody,
  setStockBody,
  stockQuery,
} from "./api.ts";
import type { InventoryStore, ReserveOutcome } from "./inventory-store.ts";

const productParameters = z.strictObject({ product_id: productIdShape });
const reservationParameters = z.strictObject({ reservation_id: reservationIdShape });
const reservationPath = "/v1/reservations/{reservation_id}";

export function inventoryRoutes(store: InventoryStore): readonly Route[] {
  return [
    route({
      method: "PUT",
      path: reservationPath,
      parameters: reservationParameters,
      body: reserveBody,
      handle: ({ parameters, body }) => reserveAnswer(store.reserve(parameters.reservation_id, body.lines)),
    }),
    route({
      method: "DELETE",
      path: reservationPath,
      parameters: reservationParameters,
      handle: ({ parameters }) => ({ status: 200, body: store.release(parameters.reservation_id) }),
    }),
    route({
      method: "GET",
      path: reservationPath,
      parameters: reservationParameters,
      handle: ({ parameters }) => reservationOr404(store.find(parameters.reservation_id)),
    }),
    route({
      method: "GET",
      path: "/v1/reservations",
      query: listQuery,
      handle({ query: { status, limit, after = "" } }) {
        const found = store.list({ status, limit: limit + 1, after });
        const reservations = found.slice(0, limit);
        const nextAfter = found.length > limit ? reservations.at(-1)?.reservation_id : undefined;
        return { status: 200, body: { reservations, next_after: nextAfter ?? "" } };
      },
    }),
    route({
      method: "GET",
      path: "/v1/stock",
      query: stockQuery,
      handle: ({ query }) => ({ status: 200, body: { stock: store.stock(query.product_ids) } }),
    }),
    route({
      method: "PUT",
      path: "/v1/stock/{product_id}",
      parameters: productParameters,
      body: setStockBody,
      handle: ({ parameters, body }) => ({
        status: 200,
        body: store.setStock(parameters.product_id, body.available),
      }),
    }),
  ];
}

function reserveAnswer(result: ReserveOutcome): Answer {
  switch (result.outcome) {
    case "reserved":
      return { status: 201, body: result.reservation };
    case "repeated":
      return { status: 200, body: result.reservation };
    case "out_of_stock":
      return refusal(409, "out_of_stock", "There is not enough of these products.", {
        product_ids: result.productIds,
      });
    case "reservation_conflict":
      return refusal(409, "reservation_conflict", "This reservation exists with other lines.");
    case "reservation_released":
      return refusal(409, "reservation_released", "This reservation was released; that is final.");
  }
}

function reservationOr404(reservation: Reservation | undefined): Answer {
  if (reservation !== undefined) return { status: 200, body: reservation };
  return refusal(404, "not_found", "There is no such reservation.");
}
