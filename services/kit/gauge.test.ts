import { Registry } from "prom-client";
import { expect, test, vi } from "vitest";
import { openGauges, type ReadGauge } from "./gauge.ts";
import { openLog } from "./log.ts";
import { startTelemetry, unrecordedTelemetry } from "./telemetry.ts";
import { receiveOverHttp } from "./telemetry-otel-receiver.ts";

const log = openLog("test", { level: "silent" });

function gaugesWith(read: ReadGauge) {
  const registry = new Registry();
  registry.setDefaultLabels({ service: "test" });
  const clock = { nowMs: 0 };
  const gauge = openGauges({
    registry,
    telemetry: unrecordedTelemetry("test"),
    log,
    nowMs: () => clock.nowMs,
  });
  gauge("webstore_things", "Things.", read);
  const lines = async () => (await registry.metrics()).split("\n").filter((line) => /^[^#\s]/.test(line));
  return { registry, clock, gauge, lines };
}

test("a gauge shows what is read, with its labels and the service's", async () => {
  const { lines, registry } = gaugesWith(async () => [
    { labels: { kind: 'a"b' }, value: 3 },
    { labels: { kind: "c" }, value: 0.5 },
  ]);
  expect(await lines()).toEqual([
    'webstore_things{kind="a\\"b",service="test"} 3',
    'webstore_things{kind="c",service="test"} 0.5',
  ]);
  expect(await registry.metrics()).toContain("# TYPE webstore_things gauge");
});

test("it is read once a second, however many ask", async () => {
  const read = vi.fn(async () => [{ value: 1 }]);
  const { lines, clock } = gaugesWith(read);
  await Promise.all([lines(), lines()]);
  clock.nowMs = 999;
  await lines();
  expect(read).toHaveBeenCalledTimes(1);
  clock.nowMs = 1_000;
  expect(await lines()).toEqual(['webstore_things{service="test"} 1']);
  expect(read).toHaveBeenCalledTimes(2);
});

test("what cannot be read is absent, holds up nothing, and is complained of once", async () => {
  const warn = vi.spyOn(log, "warn");
  let fails = true;
  const { lines, clock, gauge } = gaugesWith(() => {
    if (fails) throw new Error("the database is away");
    return [{ value: 7 }];
  });
  gauge("webstore_others", "Others.", () => [{ value: 2 }]);
  for (clock.nowMs = 0; clock.nowMs < 5_000; clock.nowMs += 1_000)
    expect(await lines()).toEqual(['webstore_others{service="test"} 2']);
  expect(warn).toHaveBeenCalledTimes(1);
  fails = false;
  expect(await lines()).toHaveLength(2);
  warn.mockRestore();
});

test("a gauge that never answers is given up on after two seconds", async () => {
  vi.useFakeTimers();
  const { lines } = gaugesWith(() => new Promise(() => {}));
  const shown = lines();
  await vi.advanceTimersByTimeAsync(2_000);
  expect(await shown).toEqual([]);
  vi.useRealTimers();
});

test("it goes to OTel, too, with the labels that are allowed", async () => {
  const receiver = await receiveOverHttp();
  const telemetry = await startTelemetry("test", { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
  const gauge = openGauges({ registry: new Registry(), telemetry, log, nowMs: Date.now });
  gauge("webstore_things", "Things.", () => [{ labels: { callee: "payments", order_id: "o-1" }, value: 3 }]);
  await telemetry.stop();
  expect(receiver.points).toMatchObject([
    { service: "test", name: "webstore_things", value: 3, attributes: { callee: "payments" } },
  ]);
  expect(receiver.points[0]?.attributes).not.toHaveProperty("order_id");
  await receiver.stop();
});
