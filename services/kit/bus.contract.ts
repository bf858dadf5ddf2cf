// What every bus keeps, as tests: B1–B4 of bus.ts. Each adapter runs this suite on the real thing.

import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Bus, Message, ReceivedMessage, Subscription } from "./bus.ts";
import { MessageRefused, messageLimits } from "./event.ts";

/** One store of messages, and the processes that are connected to it. */
export type BusUnderTest = {
  /** As a process of its own would connect. */
  connect(): Promise<Connected>;
  close(): Promise<void>;
};

export type Connected = {
  readonly bus: Bus;
  /** Cuts it off from the store at once and for good, as a killed process is: nothing is given back. */
  kill(): void;
};

/** SPEC 2: the work of a dead process is continued within this time of its lease ending. */
const takeoverMaxMs = 10_000;
const waitMs = { timeout: 10_000, interval: 10 };

type Seen = { key: string; text: string; partition: number; offset: bigint };

export function busContract(name: string, open: () => Promise<BusUnderTest>): void {
  describe(`${name} keeps the contract of the bus`, () => {
    let store: BusUnderTest;
    let first: Connected;
    let topic: string;
    beforeEach(async () => {
      store = await open();
      first = await store.connect();
      topic = `topic-${randomUUID()}`;
    });
    afterEach(() => store.close());

    const message = (key: string, text: string): Message => ({
      topic,
      key,
      value: Buffer.from(text),
      headers: {},
    });
    const reads = (seen: Seen[], of: ReceivedMessage) => {
      const { key, value, partition, offset } = of;
      seen.push({ key, text: Buffer.from(value).toString(), partition, offset });
    };
    const reader = async (bus: Bus, seen: Seen[], group = "readers"): Promise<Subscription> =>
      bus.subscribe({ topic, group, handle: async (each) => reads(seen, each) });
    const consumed = (subscription: Subscription) =>
      vi.waitFor(async () => expect(await subscription.lag()).toBe(0), waitMs);
    const texts = (seen: Seen[]) => seen.map(({ text }) => text);
    const keys = Array.from({ length: 12 }, (_, n) => `order-${n}`);

    test("it is ready, and a subscription is once it has its partitions", async () => {
      expect(first.bus.ready()).toBe(true);
      const subscription = await reader(first.bus, []);
      await vi.waitFor(() => expect(subscription.ready()).toBe(true), waitMs);
      await subscription.stop();
      expect(subscription.ready()).toBe(false);
      await first.bus.close();
      expect(first.bus.ready()).toBe(false);
    });

    test("what was published before anybody subscribed arrives", async () => {
      await first.bus.publish([message("a", "1"), message("a", "2")]);
      const seen: Seen[] = [];
      const subscription = await reader(first.bus, seen);
      await consumed(subscription);
      expect(texts(seen)).toEqual(["1", "2"]);
    });

    test("key, value and headers arrive byte for byte", async () => {
      const every = Uint8Array.from({ length: 512 }, (_, n) => n % 256);
      const large = new Uint8Array(messageLimits.valueBytesMax).fill(0xfe);
      const headers = { "Content-Type": 'a "quoted" \\ back', empty: "", "naïve ☕": "{}" };
      const sent: Message[] = [
        { topic, key: 'k"\\{},☕', value: every, headers },
        { topic, key: "", value: new Uint8Array(0), headers: {} },
        { topic, key: "large", value: large, headers: {} },
      ];
      await first.bus.publish(sent);
      const got = new Map<string, ReceivedMessage>();
      const subscription = await first.bus.subscribe({
        topic,
        group: "readers",
        handle: async (each) => void got.set(each.key, each),
      });
      await consumed(subscription);
      for (const each of sent) {
        const arrived = got.get(each.key);
        expect(arrived?.headers).toEqual(each.headers);
        expect(Buffer.compare(arrived?.value ?? Buffer.from("none"), each.value)).toBe(0);
      }
    });

    test("a batch with one message that no bus takes is refused whole", async () => {
      const tooLong = { ...message("a", ""), value: new Uint8Array(messageLimits.valueBytesMax + 1) };
      await expect(first.bus.publish([message("a", "1"), tooLong])).rejects.toThrow(MessageRefused);
      const badTopic = { ...message("a", "2"), topic: "no topic" };
      await expect(first.bus.publish([message("a", "1"), badTopic])).rejects.toThrow(MessageRefused);
      await first.bus.publish([message("a", "3")]);
      const seen: Seen[] = [];
      await consumed(await reader(first.bus, seen));
      expect(texts(seen)).toEqual(["3"]);
    });

    test("messages of a key stay in order with four publishers at once, and none is passed over", async () => {
      const each = 40;
      const seen: Seen[] = [];
      // Subscribed while they publish, so that a reader could run ahead of a commit that is under way.
      const subscription = await reader(first.bus, seen);
      const publishers = await Promise.all([1, 2, 3, 4].map(() => store.connect()));
      await Promise.all(
        publishers.map(async ({ bus }, publisher) => {
          for (let n = 0; n < each; n++) {
            // Each batch touches several partitions, in another order by every publisher.
            const batch = keys.map((_, at) => keys[(at * (publisher + 1) + publisher) % keys.length] ?? "");
            await bus.publish([...new Set(batch)].map((key) => message(key, `${publisher}:${n}`)));
          }
        }),
      );
      await consumed(subscription);
      for (const publisher of [0, 1, 2, 3]) {
        const byKey = Map.groupBy(
          seen.filter(({ text }) => text.startsWith(`${publisher}:`)),
          ({ key }) => key,
        );
        for (const of of byKey.values()) {
          expect(texts(of)).toEqual(Array.from({ length: each }, (_, n) => `${publisher}:${n}`));
        }
      }
      for (const of of Map.groupBy(seen, ({ partition }) => partition).values()) {
        expect(of.map(({ offset }) => offset)).toEqual([...of.map(({ offset }) => offset)].sort(byNumber));
      }
      for (const of of Map.groupBy(seen, ({ key }) => key).values()) {
        expect(new Set(of.map(({ partition }) => partition)).size).toBe(1);
      }
    });

    test("members of a group share the partitions, and each message goes to one of them", async () => {
      const second = await store.connect();
      const seen: [Seen[], Seen[]] = [[], []];
      const subscriptions = [await reader(first.bus, seen[0]), await reader(second.bus, seen[1])];
      let n = 0;
      await vi.waitFor(async () => {
        await first.bus.publish(keys.map((key) => message(key, String(n++))));
        expect(seen.map((of) => of.length > 0)).toEqual([true, true]);
      }, waitMs);
      for (const subscription of subscriptions) await consumed(subscription);
      // Moving a partition may deliver again what was not committed; here all handlers resolve at once.
      expect(new Set(texts([...seen[0], ...seen[1]])).size).toBe(n);
      const partitions = seen.map((of) => new Set(of.slice(-3).map(({ partition }) => partition)));
      expect(partitions[0]?.isDisjointFrom(partitions[1] ?? new Set())).toBe(true);
    });

    test("every group gets every message", async () => {
      const seen: [Seen[], Seen[]] = [[], []];
      const one = await reader(first.bus, seen[0], "one");
      const two = await reader(first.bus, seen[1], "two");
      await first.bus.publish(keys.map((key) => message(key, key)));
      await consumed(one);
      await consumed(two);
      expect(seen.map((of) => texts(of).sort())).toEqual([[...keys].sort(), [...keys].sort()]);
    });

    test("a member that starts again continues at the committed offset", async () => {
      await first.bus.publish([message("a", "1"), message("a", "2")]);
      const seen: Seen[] = [];
      const before = await reader(first.bus, seen);
      await consumed(before);
      await before.stop();
      await first.bus.close();
      const again = await store.connect();
      await again.bus.publish([message("a", "3")]);
      await consumed(await reader(again.bus, seen));
      expect(texts(seen)).toEqual(["1", "2", "3"]);
    });

    test("a member that stops finishes the message in hand, commits it and begins no other", async () => {
      await first.bus.publish([message("a", "1"), message("a", "2")]);
      const begun = Promise.withResolvers<void>();
      const finish = Promise.withResolvers<void>();
      const handled: string[] = [];
      const subscription = await first.bus.subscribe({
        topic,
        group: "readers",
        handle: async ({ value }) => {
          begun.resolve();
          await finish.promise;
          handled.push(Buffer.from(value).toString());
        },
      });
      await begun.promise;
      const stopped = subscription.stop();
      finish.resolve();
      await stopped;
      expect(handled).toEqual(["1"]);
      const seen: Seen[] = [];
      const second = await store.connect();
      await consumed(await reader(second.bus, seen));
      expect(texts(seen)).toEqual(["2"]);
    });

    test("a message whose handler fails comes again, in its place, and holds up no other partition", async () => {
      let failures = 0;
      const seen: Seen[] = [];
      const others = () => seen.filter(({ key }) => key !== "order-0");
      const subscription = await first.bus.subscribe({
        topic,
        group: "readers",
        handle: async (each) => {
          // It fails until something else was read: held up by it, nothing ever would be.
          const fails = failures === 0 || others().length === 0;
          if (each.key === "order-0" && Buffer.from(each.value).toString() === "bad" && fails) {
            failures++;
            throw new Error("the handler fails");
          }
          reads(seen, each);
        },
      });
      await first.bus.publish([message("order-0", "bad"), message("order-0", "good")]);
      await first.bus.publish(keys.slice(1).map((key) => message(key, key)));
      await consumed(subscription);
      expect(texts(seen.filter(({ key }) => key === "order-0"))).toEqual(["bad", "good"]);
      expect(failures).toBeGreaterThan(0);
      expect(seen).toHaveLength(keys.length + 1);
    });

    test("another member takes over from one that has died, and gets what it had not committed", async () => {
      await first.bus.publish([message("a", "1")]);
      const begun = Promise.withResolvers<void>();
      const finish = Promise.withResolvers<void>();
      const doomed = await first.bus.subscribe({
        topic,
        group: "readers",
        handle: async () => {
          begun.resolve();
          await finish.promise;
        },
      });
      await begun.promise;
      // Killed in the middle of its work: the effect may stand, the commit does not.
      first.kill();
      const survivor = await store.connect();
      const seen: Seen[] = [];
      const subscription = await reader(survivor.bus, seen);
      await survivor.bus.publish([message("a", "2")]);
      await vi.waitFor(() => expect(texts(seen)).toEqual(["1", "2"]), { timeout: takeoverMaxMs });
      finish.resolve();
      await doomed.stop();
      await consumed(subscription);
      expect(texts(seen)).toEqual(["1", "2"]);
    });

    test("lag is what the group has not consumed", async () => {
      const hold = Promise.withResolvers<void>();
      const subscription = await first.bus.subscribe({
        topic,
        group: "readers",
        handle: () => hold.promise,
      });
      expect(await subscription.lag()).toBe(0);
      await first.bus.publish(keys.map((key) => message(key, key)));
      expect(await subscription.lag()).toBe(keys.length);
      hold.resolve();
      await consumed(subscription);
    });
  });
}

const byNumber = (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0);
