import { callOperation, clientOf, temporaryFolder } from "@webstore/simulator/testing";
import { expect, test } from "vitest";
import { crm } from "./definition.ts";
import { start } from "./main.ts";

const activityId = "0b5f7c1e-5f0d-4c57-9d5f-2d3c1f0a9b11";

const examples: Record<keyof typeof crm.operations, object> = {
  putCustomer: { customer_id: "ada", name: "Ada", email: "ada@example.com", country: "GB" },
  getCustomer: { customer_id: "ada" },
  recordActivity: {
    customer_id: "ada",
    activity_id: activityId,
    type: "order_placed",
    order_id: "order-1",
    amount_minor: 25_00,
    currency: "USD",
    occurred_at: "2026-01-02T03:04:05Z",
  },
  listActivities: { customer_id: "ada", limit: 10 },
};

test("every operation of the definition is answered in the shape that it states", async () => {
  const folder = temporaryFolder();
  const running = await start({ CRM_PORT: "0", DATA_DIR: folder.path });
  const client = clientOf(running.urls.http ?? "");
  for (const [name, request] of Object.entries(examples)) {
    const operation = crm.operations[name as keyof typeof examples];
    operation.request.parse(request);
    const first = await callOperation(client, operation, request);
    const second = await callOperation(client, operation, request);
    expect(first.status, name).toBeLessThan(300);
    expect(second.status, name).toBe(200);
    // Nothing that the answer has is missing in the stated shape.
    expect(operation.response.parse(first.body), name).toEqual(first.body);
  }
  await running.stop();
  folder.remove();
});
