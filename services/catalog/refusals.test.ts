// The list of reasons and what the contract says of them are one.

import { readFileSync } from "node:fs";
import { createFileRegistry, fromBinary, getOption } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { refusals as refusalsOption } from "@webstore/proto/es/options/v1";
import { expect, test } from "vitest";
import { catalog } from "./definition.ts";
import { refusals } from "./refusals.ts";

test("the contract names exactly the reasons that the catalog has", () => {
  const bytes = readFileSync(new URL(import.meta.resolve("@webstore/proto/descriptors.binpb")));
  const contract = createFileRegistry(fromBinary(FileDescriptorSetSchema, bytes)).getService(
    catalog.serves.fullName,
  );
  const named = contract?.methods.flatMap((method) => getOption(method, refusalsOption));
  expect([...new Set(named)].sort()).toEqual(Object.keys(refusals.entries).sort());
});
