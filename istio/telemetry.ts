// What the proxies of the release report: Telemetry. Spans of a sample of the requests, and a line for each request.

import {
  type Manifest,
  metadataOf,
  type Place,
  podsOfRelease,
  type Selector,
  telemetryApi,
} from "./place.ts";

type Providers = readonly { readonly name: string }[];
export type TelemetrySpec = {
  readonly selector: Selector;
  readonly tracing: readonly {
    readonly providers: Providers;
    readonly randomSamplingPercentage: number | string;
  }[];
  readonly accessLogging: readonly { readonly providers: Providers }[];
};
export type TelemetryManifest = Manifest<TelemetrySpec>;

/** Undefined where nobody collects it. The sampling is of requests that come in without a decision; the others keep theirs. */
export function telemetry(place: Place): TelemetryManifest | undefined {
  if (place.telemetry === undefined) return undefined;
  const { tracingProvider, accessLogProvider, samplingPercentage } = place.telemetry;
  return {
    apiVersion: telemetryApi,
    kind: "Telemetry",
    metadata: metadataOf("telemetry", place),
    spec: {
      selector: podsOfRelease(place),
      tracing: [{ providers: [{ name: tracingProvider }], randomSamplingPercentage: samplingPercentage }],
      accessLogging: [{ providers: [{ name: accessLogProvider }] }],
    },
  };
}
