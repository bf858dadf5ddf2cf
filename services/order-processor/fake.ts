// The order-processor's desk in memory, for the tests of other services: dead letters that the test puts there, and the
// audit log. processing.contract.ts holds it and the service to the same promises.
//
// It differs from the service, on purpose, in three things: it consumes and publishes nothing; what is scheduled goes
// out when the test says so; and the kit's checks of `access` and of the fields' rules do not run.

import { randomUUID } from "node:crypto";
import type { HandlersOf, Message, ReceivedMessage } from "@webstore/kit";
import type { ProcessingServiceDefinition } from "@webstore/proto/processing/v1";
import { memoryAuditStore } from "./audit-store.memory.ts";
import { deadLetterOf, redrivenMessage } from "./dead-letter.ts";
import { memoryDeadLetterStore } from "./dead-letter-store.memory.ts";
import { orderProcessor } from "./definition.ts";
import { rpc } from "./rpc.ts";

export type FakeOrderProcessor = HandlersOf<typeof ProcessingServiceDefinition> & {
  /** A message as it lies on a dead letter topic. Gives the dead letter's id. */
  add(message: ReceivedMessage): Promise<string>;
  /** Lets what is scheduled go out; gives the messages. */
  publishScheduled(): readonly Message[];
};

export function fakeOrderProcessor(is: { nowMs?: () => number } = {}): FakeOrderProcessor {
  const { nowMs = Date.now } = is;
  const audit = memoryAuditStore();
  const deadLetters = memoryDeadLetterStore(audit);
  const { publishes: topics } = orderProcessor;
  return {
    ...rpc({ deadLetters, audit, topics, wakeRedriver: () => {}, nowMs, newId: randomUUID }),
    async add(message) {
      const letter = deadLetterOf(message, nowMs());
      await deadLetters.keep(letter);
      return letter.deadLetterId;
    },
    publishScheduled: () => deadLetters.publishScheduled().map(redrivenMessage),
  };
}
