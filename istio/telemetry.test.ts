import { expect, test } from "vitest";
import { telemetry } from "./telemetry.ts";
import { place, release } from "./testing.ts";

test("the release's pods report to the named providers, a sample of their requests", () => {
  const made = telemetry({
    ...place,
    telemetry: {
      namespace: "observability",
      tracingProvider: "otel-tracing",
      accessLogProvider: "otel-logs",
      samplingPercentage: "{{ .Values.sampling }}",
    },
  });
  expect(made?.metadata.name).toBe(`${release}-telemetry`);
  expect(made?.spec).toEqual({
    selector: { matchLabels: place.labels },
    tracing: [{ providers: [{ name: "otel-tracing" }], randomSamplingPercentage: "{{ .Values.sampling }}" }],
    accessLogging: [{ providers: [{ name: "otel-logs" }] }],
  });
});

test("where nobody collects it, nothing is reported", () => {
  expect(telemetry(place)).toBeUndefined();
});
