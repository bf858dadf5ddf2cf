// The bus on Kafka.

import type { Bus } from "./bus.ts";
import type { Log } from "./log.ts";

export async function openKafkaBus(_is: { brokers: readonly string[]; log: Log }): Promise<Bus> {
  throw new Error("under construction");
}
