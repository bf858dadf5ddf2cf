// How the dead letters stand, as numbers that alerts are made of.

import type { Standing } from "./dead-letter-store.ts";

type Reading = { readonly labels: Readonly<Record<string, string>>; readonly value: number };

export type DeadLetterGauge = {
  readonly name: string;
  readonly description: string;
  readonly read: () => Promise<Reading[]>;
};

export function deadLetterGauges(
  standing: () => Promise<readonly Standing[]>,
  nowMs: () => number,
): readonly DeadLetterGauge[] {
  return [
    {
      name: "webstore_dead_letters",
      description: "Dead letters, by the topic that they are from and where they stand.",
      read: async () =>
        (await standing()).map(({ sourceTopic: topic, status, letters }) => ({
          labels: { topic, status },
          value: letters,
        })),
    },
    {
      name: "webstore_dead_letter_oldest_age_seconds",
      description: "How long the oldest dead letter of a topic lies there that was not redriven.",
      read: async () =>
        (await standing())
          .filter(({ status }) => status === "dead")
          .map(({ sourceTopic: topic, oldestAtMs }) => ({
            labels: { topic },
            value: Math.max(0, (nowMs() - oldestAtMs) / 1_000),
          })),
    },
  ];
}
