// Takes what was given up, by anybody, from the dead letter topics into the store. Only what is stored counts as taken: a
// letter that cannot be stored now comes again.

import type { Bus, Log, ReceivedMessage, Subscription, Telemetry } from "@webstore/kit";
import { deadLetterOf } from "./dead-letter.ts";
import type { DeadLetterStore } from "./dead-letter-store.ts";
import { deadLetters } from "./definition.ts";

type Source = (typeof deadLetters)[number];

/** The topics of the definition, and this one when it is another. */
export function sourcesWith(topic: string): readonly Source[] {
  const group = deadLetters[0]?.group ?? "";
  return deadLetters.some((source) => source.topic === topic)
    ? deadLetters
    : [...deadLetters, { topic, group }];
}

export type TakingParts = {
  readonly bus: Bus;
  readonly deadLetters: Pick<DeadLetterStore, "keep">;
  readonly log: Log;
  readonly telemetry: Telemetry;
  readonly nowMs: () => number;
};

export async function takeDeadLetters(
  { bus, deadLetters: store, log, telemetry, nowMs }: TakingParts,
  sources: readonly Source[],
): Promise<readonly Subscription[]> {
  const taken = telemetry.counter("webstore.dead_letters.taken", {
    description: "Messages that came from a dead letter topic and are kept.",
  });
  const handle = async (message: ReceivedMessage) => {
    const letter = deadLetterOf(message, nowMs());
    await store.keep(letter);
    taken.add(1, { topic: letter.sourceTopic });
    log.warn(
      {
        dead_letter_id: letter.deadLetterId,
        topic: letter.sourceTopic,
        event: letter.eventName,
        redrives: letter.redrives,
        correlation_id: letter.correlationId,
      },
      "a dead letter is kept",
    );
  };
  return Promise.all(sources.map(({ topic, group }) => bus.subscribe({ topic, group, handle })));
}
