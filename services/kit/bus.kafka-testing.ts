// For tests of the bus on Kafka: buses that are processes of their own as far as their connections go, so that a test
// can kill one, cut it off for a while, or lose an answer to it.

import { AsyncLocalStorage } from "node:async_hooks";
import { subscribe as listen, unsubscribe as unlisten } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import type { BusUnderTest, Connected } from "./bus.contract.ts";
import { type KafkaBusOptions, openKafkaBus } from "./bus.kafka.ts";
import type { Bus } from "./bus.ts";
import { openLog } from "./log.ts";

export const quietLog = openLog("test", { level: "silent" });

export type KafkaConnected = Connected & {
  /** Ends what is connected; what connects afterwards gets through. */
  drop(): void;
  /** Nobody gets through until `resume`. */
  stall(): void;
  resume(): void;
  /** The next answer to a request to publish is lost with its connection. Gives how many such requests were sent since. */
  loseAnswer(): () => number;
};

export type KafkaUnderTest = Omit<BusUnderTest, "connect"> & {
  connect(options?: Partial<KafkaBusOptions>): Promise<KafkaConnected>;
};

/** The sockets that were opened by what runs in its context. */
type Life = { isCut: boolean; losing: boolean; produced: number; readonly sockets: Set<Socket> };

const lives = new AsyncLocalStorage<Life>();
const produceRequest = 0;

function adopt(message: unknown): void {
  const { socket } = message as { socket: Socket };
  const life = lives.getStore();
  if (life === undefined) return;
  life.sockets.add(socket);
  socket.on("close", () => life.sockets.delete(socket));
  if (life.isCut) queueMicrotask(() => socket.destroy(new Error("cut off")));
  // Connecting takes back a `write` that was set before.
  socket.once("connect", () => watchPublishing(life, socket));
}

function watchPublishing(life: Life, socket: Socket): void {
  const write = socket.write.bind(socket);
  const emit = socket.emit.bind(socket);
  let isAsked = false;
  socket.write = ((chunk: Buffer, ...rest: []) => {
    isAsked = Buffer.isBuffer(chunk) && chunk.readInt16BE(4) === produceRequest;
    if (isAsked) life.produced += 1;
    return write(chunk, ...rest);
  }) as Socket["write"];
  socket.emit = ((event: string, ...rest: []) => {
    if (event !== "data" || !isAsked || !life.losing) return emit(event, ...rest);
    life.losing = false;
    socket.destroy(new Error("the answer is lost"));
    return false;
  }) as Socket["emit"];
}

/** Call before the first bus is opened, and what it gives when the last is closed. */
export function watchSockets(): () => void {
  listen("net.client.socket", adopt);
  return () => unlisten("net.client.socket", adopt);
}

export function openKafkaStore(
  brokers: () => readonly string[],
  common: Partial<KafkaBusOptions> = {},
): KafkaUnderTest {
  const opened: Bus[] = [];
  const connect = async (options: Partial<KafkaBusOptions> = {}): Promise<KafkaConnected> => {
    const life: Life = { isCut: false, losing: false, produced: 0, sockets: new Set() };
    const fast = { log: quietLog, pollRetryMs: 50, redeliverMs: 50 };
    const open = () => openKafkaBus({ brokers: brokers(), ...fast, ...common, ...options });
    const bus = within(life, await lives.run(life, open));
    opened.push(bus);
    const drop = () => {
      for (const socket of life.sockets) socket.destroy(new Error("cut off"));
    };
    const stall = () => {
      life.isCut = true;
      drop();
    };
    const resume = () => {
      life.isCut = false;
    };
    const loseAnswer = () => {
      life.losing = true;
      const before = life.produced;
      return () => life.produced - before;
    };
    return { bus, kill: stall, drop, stall, resume, loseAnswer };
  };
  return { connect, close: async () => void (await Promise.all(opened.map((bus) => bus.close()))) };
}

function within(life: Life, bus: Bus): Bus {
  return {
    publish: (messages) => lives.run(life, () => bus.publish(messages)),
    subscribe: (is) => lives.run(life, () => bus.subscribe(is)),
    ready: () => bus.ready(),
    close: () => lives.run(life, () => bus.close()),
  };
}
