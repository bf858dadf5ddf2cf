// What the contract's tests are written against: a catalog as it is seen by anybody and by staff.

import { CatalogServiceDefinition, type Product } from "@webstore/proto/catalog/v1";
import type { FakeCatalog } from "../fake.ts";
import { draftOf } from "../testing-products.ts";

export type CatalogUnderTest = {
  /** As somebody who is not logged in. */
  readonly anybody: FakeCatalog;
  readonly staff: FakeCatalog;
  close(): Promise<void>;
};

export type Shop = {
  readonly anybody: FakeCatalog;
  readonly staff: FakeCatalog;
  readonly create: (is?: Parameters<typeof draftOf>[0]) => Promise<Product>;
  readonly one: (productId: string) => Promise<Product>;
};

/** Tests are declared before anything is open, so whom they call is looked up at each call. */
export function shopOf(opened: () => CatalogUnderTest): Shop {
  const anybody = lookedUp(() => opened().anybody);
  const staff = lookedUp(() => opened().staff);
  return {
    anybody,
    staff,
    create: async (is = {}) => (await staff.createProduct(draftOf(is))).product as Product,
    one: async (productId) => (await anybody.getProduct({ productId })).product as Product,
  };
}

function lookedUp(catalog: () => FakeCatalog): FakeCatalog {
  const methods = Object.keys(CatalogServiceDefinition.methods) as (keyof FakeCatalog)[];
  const calls = methods.map((name) => [name, (request: never) => catalog()[name](request)]);
  return Object.fromEntries(calls) as FakeCatalog;
}
