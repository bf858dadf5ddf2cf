// A consumer: from the messages of a topic to the processors of its events.
//
// Invariants:
//   C1. A message is consumed when its processor has resolved, or when it stands among the dead letters, byte for
//       byte; otherwise it comes again. Nothing is dropped.
//   C2. No message holds up its partition for longer than its attempts and the waits between them take.
//   C3. A refusal is final: trying again would give it again. An event that the inbox knows is consumed already.
//   C4. A consumer that stops does not wait out a retry: it leaves the message, which comes again to the next.

import type { Bus, Event, Message, ReceivedMessage, Subscription } from "./bus.ts";
import { deadLetterOf, deadLetterTopicOf } from "./consumer-dead-letter.ts";
import { background, inContext } from "./context.ts";
import { readEvent } from "./event.ts";
import { isAlreadyConsumed } from "./inbox.ts";
import type { Log } from "./log.ts";
import { Refusal } from "./refusal.ts";
import { delay } from "./retry.ts";
import type { Counter, Span, Telemetry } from "./telemetry.ts";

/** Does what an event asks for. It may be called again with the same event: see inbox.ts. Throws a Refusal when it never will. */
export type Processor = (event: Event, message: ReceivedMessage) => Promise<void>;

export type ConsumerOptions = {
  readonly bus: Bus;
  readonly topic: string;
  /** Who shares the work: each message goes to one member of the group. */
  readonly group: string;
  readonly processors: Readonly<Record<string, Processor>>;
  readonly log: Log;
  readonly telemetry: Telemetry;
  readonly nowMs: () => number;
  /** Waits between attempts; ends early when `signal` aborts. */
  readonly delayMs?: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Default: see deadLetterTopicOf. */
  readonly deadLetterTopic?: string;
  /** True for a consumer that wants only some events of the topic; default false, where the others are dead letters. */
  readonly ignoreUnknown?: boolean;
  /** Events of the topic that are somebody else's: they are consumed and nothing is done. Others without a processor are dead letters. */
  readonly ignore?: readonly string[];
};

/** The waits between the attempts; one attempt more than waits. */
const retriesMs = [1_000, 2_000, 4_000] as const;
/** What one attempt may take, as the deadline of the calls it makes. */
const attemptMaxMs = 30_000;

class Stopping extends Error {
  override readonly name = "Stopping";
}

export async function startConsumer(options: ConsumerOptions): Promise<Subscription> {
  const { bus, topic, group, processors, ignore = [] } = options;
  const both = ignore.filter((name) => Object.hasOwn(processors, name));
  if (both.length > 0) throw new Error(`events with a processor that are to be ignored: ${both.join(", ")}`);
  const stopping = new AbortController();
  const outcomes = options.telemetry.counter("webstore.messages.consumed", {
    description: "Messages by what became of them.",
  });
  const subscription = await bus.subscribe({
    topic,
    group,
    handle: (message) => consume(options, outcomes, stopping.signal, message),
  });
  return {
    ready: () => subscription.ready(),
    lag: () => subscription.lag(),
    stop: () => {
      stopping.abort();
      return subscription.stop();
    },
  };
}

type Outcome = "processed" | "duplicate" | "ignored" | "dead_letter";

async function consume(
  options: ConsumerOptions,
  outcomes: Counter,
  stopping: AbortSignal,
  message: ReceivedMessage,
): Promise<void> {
  const { topic, group } = options;
  const count = (outcome: Outcome) => outcomes.add(1, { topic, group, outcome });
  // A dead letter is sent again for the group that gave it up; the others have had it.
  const { redrive_group: redriveGroup = group } = message.headers;
  if (redriveGroup !== group) return count("ignored");
  const read = readEvent(message.value);
  if ("problem" in read) {
    await giveUp(options, message, undefined, new Unreadable(read.problem), 1);
    return count("dead_letter");
  }
  const { event } = read;
  const processor = Object.hasOwn(options.processors, event.name)
    ? options.processors[event.name]
    : undefined;
  if (processor === undefined) {
    if (options.ignoreUnknown === true || options.ignore?.includes(event.name)) return count("ignored");
    await giveUp(options, message, event, new Unreadable("no_processor"), 1);
    return count("dead_letter");
  }
  count(await attemptAll(options, stopping, message, event, processor));
}

async function attemptAll(
  options: ConsumerOptions,
  stopping: AbortSignal,
  message: ReceivedMessage,
  event: Event,
  processor: Processor,
): Promise<Outcome> {
  const { log, delayMs = delay } = options;
  for (let attempt = 1; ; attempt++) {
    const failure = await attemptOnce(options, message, event, processor);
    if (failure === undefined) return "processed";
    if (isAlreadyConsumed(failure.error)) return "duplicate";
    const waitMs = failure.error instanceof Refusal ? undefined : retriesMs[attempt - 1];
    if (waitMs === undefined) {
      await giveUp(options, message, event, failure.error, attempt);
      return "dead_letter";
    }
    log.warn({ ...about(message, event), attempt, error: failure.error }, "an event failed; trying again");
    if (!stopping.aborted) await delayMs(waitMs, stopping);
    if (stopping.aborted) throw new Stopping("the consumer stops; the message comes again");
  }
}

/** Runs the processor inside the event's trace. Gives what it threw. */
async function attemptOnce(
  { telemetry, nowMs, topic, group }: ConsumerOptions,
  message: ReceivedMessage,
  event: Event,
  processor: Processor,
): Promise<{ error: unknown } | undefined> {
  const span = telemetry.span(`process ${event.name}`, "consumer", parentOf(event), {
    "messaging.destination.name": topic,
    "messaging.consumer.group.name": group,
    "messaging.destination.partition.id": String(message.partition),
    "messaging.message.id": event.id,
  });
  const context = { ...background, span, deadlineAtMs: nowMs() + attemptMaxMs };
  try {
    await inContext(context, () => processor(event, message));
    span.end();
    return undefined;
  } catch (error) {
    span.end(error instanceof Refusal || isAlreadyConsumed(error) ? undefined : error);
    return { error };
  }
}

const parentOf = (event: Event | undefined) =>
  event === undefined || event.traceparent === "" ? undefined : event.traceparent;

/** Why no processor was asked. */
class Unreadable extends Error {
  override readonly name = "Unreadable";
}

/** Puts the message among the dead letters. When even that fails, the error goes to the bus, which delivers it again. */
async function giveUp(
  options: ConsumerOptions,
  message: ReceivedMessage,
  event: Event | undefined,
  error: unknown,
  attempts: number,
): Promise<void> {
  const { bus, log, telemetry, topic, group } = options;
  const span: Span = telemetry.span(`dead letter ${topic}`, "producer", parentOf(event));
  const letter: Message = deadLetterOf(message, {
    topic: options.deadLetterTopic ?? deadLetterTopicOf(topic),
    group,
    correlationId: event?.id ?? span.traceId,
    error,
    attempts,
  });
  try {
    await inContext({ ...background, span }, async () => {
      await bus.publish([letter]);
      log.error(
        {
          ...about(message, event),
          group,
          attempts,
          dead_letter_topic: letter.topic,
          reason: letter.headers.error_reason,
        },
        "a message became a dead letter",
      );
    });
    span.end();
  } catch (problem) {
    span.end(problem);
    throw problem;
  }
}

const about = ({ topic, partition, offset }: ReceivedMessage, event: Event | undefined) => ({
  topic,
  partition,
  offset: String(offset),
  ...(event === undefined ? {} : { event: event.name, event_id: event.id }),
});
