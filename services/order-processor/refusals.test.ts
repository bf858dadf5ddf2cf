// The reasons that an RPC gives are those that the contract names; the others are of events, and on dead letters.

import { readFileSync } from "node:fs";
import { createFileRegistry, fromBinary, getOption } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { refusals as refusalsOption } from "@webstore/proto/es/options/v1";
import { expect, test } from "vitest";
import { orderProcessor } from "./definition.ts";
import { refusals } from "./refusals.ts";

const ofEvents = ["event_invalid", "price_mismatch", "order_not_processable"];

test("the contract names exactly the reasons that the order-processor has for a request", () => {
  const bytes = readFileSync(new URL(import.meta.resolve("@webstore/proto/descriptors.binpb")));
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, bytes));
  const contract = registry.getService(orderProcessor.serves.fullName);
  const named = contract?.methods.flatMap((method) => getOption(method, refusalsOption)) ?? [];
  expect([...new Set(named), ...ofEvents].sort()).toEqual(Object.keys(refusals.entries).sort());
});
