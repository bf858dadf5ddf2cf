import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { openLog } from "@webstore/kit";
import { unrecordedTelemetry } from "@webstore/kit/testing";
import { expect, onTestFinished, test } from "vitest";
import { processEvents } from "./process-events.ts";
import { processorsIn } from "./processors.ts";
import { openRealDesk } from "./testing-desk.ts";

/** A folder with these files. */
function folderOf(files: Record<string, string>): URL {
  const folder = mkdtempSync(join(tmpdir(), "webstore-processors-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return pathToFileURL(`${folder}/`);
}

const parcelLost = `
  import type { Event } from "@webstore/kit";
  type Ports = { noted: unknown[] };
  export async function parcelLost({ name, data }: Event, key: string, { noted }: Ports): Promise<void> {
    noted.push({ name, key, data });
  }
`;

test("there is one for each event that the order-processor is for", async () => {
  const found = await processorsIn(new URL("./processors/", import.meta.url));
  expect(Object.keys(found).sort()).toEqual(["OrderCancelRequested", "OrderCreated"]);
});

test("a new event is a new file and nothing else", async () => {
  const folder = folderOf({
    "parcel-lost.ts": parcelLost,
    "parcel-lost.test.ts": "throw new Error('a test')",
  });
  const desk = await openRealDesk();
  onTestFinished(() => desk.stop());
  const noted: unknown[] = [];
  const [consumer] = await processEvents(
    {
      bus: desk.bus,
      log: openLog("test", { level: "silent" }),
      telemetry: unrecordedTelemetry("test"),
      nowMs: Date.now,
      ports: { noted },
    },
    { folder, topics: ["parcels"], group: "parcel-watch", deadLetterTopic: "parcels-dlq" },
  );
  const event = {
    id: "6f1c3a52-7c1e-4f0b-9d5a-0a4f6f4c2b11",
    name: "ParcelLost",
    data: { where: "Berlin" },
    occurredAt: "2026-01-02T03:04:05.678Z",
    traceparent: "",
  };
  const value = Buffer.from(JSON.stringify(event));
  await desk.bus.publish([{ topic: "parcels", key: "p-1", value, headers: {} }]);
  await expect
    .poll(() => noted, { timeout: 10_000, interval: 20 })
    .toEqual([{ name: "ParcelLost", key: "p-1", data: { where: "Berlin" } }]);
  await consumer?.stop();
});

test.each([
  ["without the function of its name", "export async function somethingElse() {}"],
  ["with something else under its name", "export const parcelLost = 1;"],
])("a file %s ends the start with a reason", async (_, text) => {
  const folder = folderOf({ "parcel-lost.ts": text });
  await expect(processorsIn(folder)).rejects.toThrow(
    "processors/parcel-lost.ts must export the function parcelLost",
  );
});
