// Consumes the events of the configured topics with the processors of the folder `processors/`.

import type { Bus, Log, Subscription, Telemetry } from "@webstore/kit";
import { startConsumer } from "@webstore/kit";
import { eventsOfOthers, processorsIn } from "./processors.ts";

export type ProcessingParts<Ports> = {
  readonly bus: Bus;
  readonly log: Log;
  readonly telemetry: Telemetry;
  readonly nowMs: () => number;
  /** What the processors are given. */
  readonly ports: Ports;
};

export type ProcessingSources = {
  /** Where the processors are. */
  readonly folder: URL;
  readonly topics: readonly string[];
  readonly group: string;
  readonly deadLetterTopic: string;
};

export async function processEvents<Ports>(
  { ports, ...parts }: ProcessingParts<Ports>,
  { folder, topics, group, deadLetterTopic }: ProcessingSources,
): Promise<readonly Subscription[]> {
  const found = await processorsIn<Ports>(folder);
  const processors = Object.fromEntries(
    Object.entries(found).map(([name, processor]) => [
      name,
      (...[event, { key }]: Parameters<Parameters<typeof startConsumer>[0]["processors"][string]>) =>
        processor(event, key, ports),
    ]),
  );
  const ignore = eventsOfOthers.filter((name) => !Object.hasOwn(processors, name));
  return Promise.all(
    topics.map((topic) => startConsumer({ ...parts, topic, group, deadLetterTopic, processors, ignore })),
  );
}
