// The list of reasons and what the contract says of them are one; and what callees refuse is put into ours.

import { readFileSync } from "node:fs";
import { createFileRegistry, fromBinary, getOption } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Outage, Refusal } from "@webstore/kit";
import { refusals as refusalsOption } from "@webstore/proto/es/options/v1";
import { expect, test } from "vitest";
import { orders } from "./definition.ts";
import { inOurWords, refusals } from "./refusals.ts";

test("the contract names exactly the reasons that orders has", () => {
  const bytes = readFileSync(new URL(import.meta.resolve("@webstore/proto/descriptors.binpb")));
  const contract = createFileRegistry(fromBinary(FileDescriptorSetSchema, bytes)).getService(
    orders.serves.fullName,
  );
  const named = contract?.methods.flatMap((method) => getOption(method, refusalsOption));
  expect([...new Set(named)].sort()).toEqual(Object.keys(refusals.entries).sort());
});

const refused = (reason: string, details: Record<string, string>) =>
  new Refusal({ service: "partner", reason, code: "FAILED_PRECONDITION", message: "theirs", details });

test("a callee's refusal becomes ours, with only those details that our contract names", () => {
  const short = refused("out_of_stock", { product_ids: "p-1,p-2", message: "theirs", internal: "shelf 9" });
  expect(inOurWords(short)).toMatchObject({
    service: "orders",
    reason: "out_of_stock",
    message: refusals.entries.out_of_stock.caller,
    details: { product_id: "p-1" },
  });
  expect((inOurWords(short) as Refusal).details).toEqual({ product_id: "p-1" });
  const declined = refused("card_declined", { decline_code: "lost_card", card: "4242" });
  expect((inOurWords(declined) as Refusal).details).toEqual({ decline_code: "lost_card" });
});

test("a reason that we do not have, and what is no refusal, are no answers for our caller", () => {
  const unknown = refused("payment_conflict", {});
  expect(inOurWords(unknown)).toBeInstanceOf(Error);
  expect(inOurWords(unknown)).not.toBeInstanceOf(Refusal);
  expect(inOurWords(refused("toString", {}))).not.toBeInstanceOf(Refusal);
  const outage = new Outage("payments", "no answer");
  expect(inOurWords(outage)).toBe(outage);
});
