import { callOperation, clientOf, temporaryFolder } from "@webstore/simulator/testing";
import { expect, test } from "vitest";
import { inventory } from "./definition.ts";
import { start } from "./main.ts";

const examples: Record<keyof typeof inventory.operations, object> = {
  setStock: { product_id: "mug", available: 5 },
  getStock: { product_ids: ["mug", "cup"] },
  reserve: { reservation_id: "order-1", lines: [{ product_id: "mug", quantity: 2 }] },
  getReservation: { reservation_id: "order-1" },
  listReservations: { status: "reserved", limit: 10, after: "order-0" },
  release: { reservation_id: "order-1" },
};

test("every operation of the definition is answered, twice alike, in the shape that it states", async () => {
  const folder = temporaryFolder();
  const running = await start({ INVENTORY_PORT: "0", DATA_DIR: folder.path });
  const client = clientOf(running.urls.http ?? "");
  for (const [name, request] of Object.entries(examples)) {
    const operation = inventory.operations[name as keyof typeof examples];
    operation.request.parse(request);
    const first = await callOperation(client, operation, request);
    const second = await callOperation(client, operation, request);
    expect(first.status, name).toBeLessThan(300);
    expect(second.body, name).toEqual(first.body);
    // Nothing that the answer has is missing in the stated shape.
    expect(operation.response.parse(first.body), name).toEqual(first.body);
  }
  await running.stop();
  folder.remove();
});
