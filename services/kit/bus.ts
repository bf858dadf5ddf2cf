// Events between services: what an event is, and what a bus promises.
//
// Invariants that every bus keeps (bus.contract.ts holds each adapter to them):
//   B1. What `publish` has acknowledged is durable.
//   B2. Messages of one key arrive in the order in which they were published.
//   B3. A message counts as consumed only after its handler has resolved: at least once. A group's
//       members share the partitions, and each message goes to one of them.
//   B4. A handler that fails does not hold up other partitions. The consumer, not the bus,
//       decides when a message is given up (consumer.ts).

/** The envelope of SPEC 2, as JSON on the topic; the key is the id of what it is about, such as the order. */
export type Event<Data = unknown> = {
  readonly id: string;
  readonly name: string;
  readonly data: Data;
  /** ISO 8601, UTC. */
  readonly occurredAt: string;
  readonly traceparent: string;
};

export type Message = {
  readonly topic: string;
  readonly key: string;
  /** The envelope as JSON; bytes, for a consumer must take what it cannot parse, too. */
  readonly value: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
};

export type ReceivedMessage = Message & { readonly partition: number; readonly offset: bigint };

export type Subscription = {
  /** False until the first connection, and again while reconnecting. */
  ready(): boolean;
  /** Messages published and not yet consumed by the group. */
  lag(): Promise<number>;
  /** Finishes the message in hand, commits, closes. */
  stop(): Promise<void>;
};

export type Bus = {
  publish(messages: readonly Message[]): Promise<void>;
  subscribe(is: {
    topic: string;
    group: string;
    handle: (message: ReceivedMessage) => Promise<void>;
  }): Promise<Subscription>;
  ready(): boolean;
  close(): Promise<void>;
};
