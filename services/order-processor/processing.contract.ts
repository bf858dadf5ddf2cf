// What the desk promises to whoever calls it: the same of the service and of its fake.

import { randomUUID } from "node:crypto";
import type {
  DeadLetterFilter,
  ListDeadLettersResponse,
  RedriveDeadLettersRequest,
} from "@webstore/proto/processing/v1";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Desk, Letter } from "./testing-desk.ts";

export const filterWith = (is: Partial<DeadLetterFilter> = {}): DeadLetterFilter => ({
  deadLetterIds: [],
  sourceTopic: "",
  eventName: "",
  errorContains: "",
  status: "DEAD_LETTER_STATUS_UNSPECIFIED",
  createdSince: undefined,
  createdBefore: undefined,
  ...is,
});

export const redriveOf = (
  filter: Partial<DeadLetterFilter>,
  is: Partial<RedriveDeadLettersRequest> = {},
): RedriveDeadLettersRequest => ({
  filter: filterWith(filter),
  dryRun: false,
  ratePerSecond: 100,
  lettersMax: 0,
  reason: "",
  actorId: randomUUID(),
  ...is,
});

const anyPage = { pageSize: 0, pageToken: "" };
const eventNamed = (name: string) => Buffer.from(JSON.stringify({ name }));
const idsOf = ({ deadLetters }: ListDeadLettersResponse) => deadLetters.map((each) => each.deadLetterId);

export function processingContract(name: string, open: () => Promise<Desk>): void {
  describe(`${name} keeps the contract of processing`, () => {
    let desk: Desk;
    /** Letters of a test have an event name of their own, by which it finds them. */
    let eventName: string;
    let letters = 0;
    beforeAll(async () => {
      desk = await open();
    });
    afterAll(() => desk?.stop());
    beforeEach(() => {
      eventName = `Event${randomUUID()}`;
    });

    const add = (is: Letter = {}) => {
      letters += 1;
      return desk.add({ value: eventNamed(eventName), offset: letters, ...is });
    };
    const addAll = async (count: number) => {
      const ids: string[] = [];
      for (let index = 0; index < count; index += 1) ids.push(await add());
      return ids;
    };
    const list = (filter: Partial<DeadLetterFilter> = {}, page = anyPage) =>
      desk.client.listDeadLetters({ filter: filterWith({ eventName, ...filter }), ...page });
    const redrive = (is: Partial<RedriveDeadLettersRequest> = {}, filter: Partial<DeadLetterFilter> = {}) =>
      desk.client.redriveDeadLetters(redriveOf({ eventName, ...filter }, is));
    const publishedOf = async (ids: readonly string[]) =>
      (await desk.published()).filter(({ headers }) => ids.includes(headers.dead_letter_id ?? ""));
    const auditOf = async (actorId: string) =>
      (await desk.client.listAuditEntries({ actorId, subject: "", ...anyPage })).entries;

    describe("dead letters", () => {
      test("one is shown with what is known of it, and with its content by itself", async () => {
        const value = Buffer.from(`{"name":"${eventName}"}\0\xff☕`);
        const deadLetterId = await add({ value, key: "ключ", sourceTopic: "order-events", offset: 4711 });
        const { deadLetter, key, value: content } = await desk.client.getDeadLetter({ deadLetterId });
        expect(deadLetter).toEqual({
          deadLetterId,
          sourceTopic: "order-events",
          sourcePartition: 3,
          sourceOffset: 4711n,
          eventName: "",
          keyText: "ключ",
          correlationId: "c-1",
          consumerGroup: expect.any(String),
          errorReason: "Error: payments is down",
          attempts: 4,
          redrives: 0,
          status: "DEAD_LETTER_STATUS_DEAD",
          createTime: expect.any(Date),
        });
        expect(Buffer.from(key).toString()).toBe("ключ");
        expect(Buffer.compare(Buffer.from(content), value)).toBe(0);
      });

      test("one that nobody has is refused", async () => {
        const asked = desk.client.getDeadLetter({ deadLetterId: randomUUID() });
        await expect(asked).rejects.toMatchObject({ reason: "dead_letter_not_found" });
      });

      test("one that arrives again is no second one", async () => {
        const first = await add({ offset: 9_000_001 });
        expect(await add({ offset: 9_000_001 })).toBe(first);
        expect(idsOf(await list())).toEqual([first]);
      });

      test("all are walked through in pages, the newest first, each once", async () => {
        const ids = await addAll(5);
        const seen: string[] = [];
        let pageToken = "";
        do {
          const page = await list({}, { pageSize: 2, pageToken });
          expect(page.deadLetters.length).toBeLessThanOrEqual(2);
          seen.push(...idsOf(page));
          pageToken = page.nextPageToken;
        } while (pageToken !== "");
        expect([...seen].sort()).toEqual([...ids].sort());
        const times = (await list()).deadLetters.map(({ createTime }) => createTime?.getTime() ?? 0);
        expect(times).toEqual([...times].sort((a, b) => b - a));
      });

      test("a page token that is not ours is refused", async () => {
        for (const pageToken of ["x", "'; drop table dead_letters; --", "999999999999999 0"]) {
          const asked = list({}, { pageSize: 2, pageToken: Buffer.from(pageToken).toString("base64url") });
          await expect(asked).rejects.toMatchObject({ reason: "invalid_request" });
        }
      });

      test("every filter leaves what matches it, and all that are given must match", async () => {
        const plain = await add();
        const other = await add({
          sourceTopic: "order-events",
          headers: { error_reason: "Refusal: orders/50%_'\\" },
        });
        const { createTime } = (await desk.client.getDeadLetter({ deadLetterId: other })).deadLetter ?? {};
        const afterwards = new Date((createTime?.getTime() ?? 0) + 1);
        const found = async (filter: Partial<DeadLetterFilter>) => idsOf(await list(filter));
        expect(await found({ deadLetterIds: [plain, randomUUID()] })).toEqual([plain]);
        expect(await found({ sourceTopic: "order-events" })).toEqual([other]);
        expect(await found({ errorContains: "orders/50%_'\\" })).toEqual([other]);
        // Not a pattern: it is looked for as it is.
        expect(await found({ errorContains: "_%" })).toEqual([]);
        expect(await found({ status: "DEAD_LETTER_STATUS_REDRIVEN" })).toEqual([]);
        expect((await found({ status: "DEAD_LETTER_STATUS_DEAD" })).sort()).toEqual([plain, other].sort());
        expect(await found({ createdSince: afterwards })).toEqual([]);
        expect((await found({ createdBefore: afterwards })).sort()).toEqual([plain, other].sort());
        expect(await found({ createdSince: createTime, createdBefore: createTime })).toEqual([]);
        expect(await found({ sourceTopic: "order-events", errorContains: "payments" })).toEqual([]);
      });

      test("a time beyond all times is refused", async () => {
        for (const createdSince of [new Date(-1), new Date(8.64e15)]) {
          await expect(list({ createdSince })).rejects.toMatchObject({ reason: "invalid_request" });
        }
      });
    });

    describe("a redrive", () => {
      test("lets what matches go out once, byte for byte, with its headers and how often", async () => {
        const value = Buffer.from(`{"name":"${eventName}"}  `);
        const id = await add({ key: "ключ", value, headers: { origin: "elsewhere" } });
        expect(await redrive()).toEqual({ matched: 1, scheduled: 1, looping: 0 });
        await expect.poll(async () => (await publishedOf([id])).length, { timeout: 10_000 }).toBe(1);
        const [message] = await publishedOf([id]);
        expect(message).toMatchObject({
          topic: "payment-topic",
          key: "ключ",
          headers: {
            correlation_id: "c-1",
            origin: "elsewhere",
            redrive_count: "1",
            dead_letter_id: id,
          },
        });
        expect(Object.keys(message?.headers ?? {})).not.toContain("error_reason");
        expect(Buffer.compare(Buffer.from(message?.value ?? []), value)).toBe(0);
        const status = async () => (await list()).deadLetters[0]?.status;
        await expect.poll(status, { timeout: 10_000 }).toBe("DEAD_LETTER_STATUS_REDRIVEN");
        expect(await redrive()).toEqual({ matched: 1, scheduled: 0, looping: 0 });
      });

      test("that is dry only counts", async () => {
        const ids = await addAll(3);
        const actorId = randomUUID();
        const dry = await redrive({ dryRun: true, lettersMax: 2, actorId });
        expect(dry).toEqual({ matched: 3, scheduled: 2, looping: 0 });
        const { deadLetters } = await list();
        expect(deadLetters.map(({ status }) => status)).toEqual(ids.map(() => "DEAD_LETTER_STATUS_DEAD"));
        expect(await auditOf(actorId)).toEqual([]);
      });

      test("takes as many as are asked for, the oldest first", async () => {
        const ids = await addAll(3);
        const byAge = idsOf(await list()).reverse();
        expect(await redrive({ lettersMax: 2 })).toEqual({ matched: 3, scheduled: 2, looping: 0 });
        await expect.poll(async () => (await publishedOf(ids)).length, { timeout: 10_000 }).toBe(2);
        expect(idsOf(await list({ status: "DEAD_LETTER_STATUS_DEAD" }))).toEqual(byAge.slice(2));
      });

      test("leaves out what came back three times: the loop guard", async () => {
        const looping = await add({ headers: { redrive_count: "3" } });
        const twice = await add({ headers: { redrive_count: "2" } });
        expect(await redrive({ dryRun: true })).toEqual({ matched: 2, scheduled: 1, looping: 1 });
        expect(await redrive()).toEqual({ matched: 2, scheduled: 1, looping: 1 });
        // Also when it is named.
        const named = await redrive({}, { eventName: "", deadLetterIds: [looping] });
        expect(named).toEqual({ matched: 1, scheduled: 0, looping: 1 });
        await expect.poll(async () => (await publishedOf([twice])).length, { timeout: 10_000 }).toBe(1);
        expect((await publishedOf([twice]))[0]?.headers.redrive_count).toBe("3");
        expect(await publishedOf([looping])).toEqual([]);
      });

      test.each(["orders-dlq", "identity-keys"])(
        "publishes nothing to %s, although a letter names it",
        async (sourceTopic) => {
          const id = await add({ sourceTopic });
          expect(await redrive()).toEqual({ matched: 1, scheduled: 0, looping: 0 });
          expect(await publishedOf([id])).toEqual([]);
        },
      );

      test("that names neither letters nor a topic nor an event is refused", async () => {
        for (const filter of [
          {},
          { errorContains: "Error" },
          { status: "DEAD_LETTER_STATUS_DEAD" as const },
        ]) {
          const asked = redrive({}, { eventName: "", ...filter });
          await expect(asked).rejects.toMatchObject({ reason: "invalid_request" });
        }
        const asked = desk.client.redriveDeadLetters({ ...redriveOf({}), filter: undefined });
        await expect(asked).rejects.toMatchObject({ reason: "invalid_request" });
      });

      test("is in the audit log with who wanted it, what and why", async () => {
        const [id = ""] = await addAll(1);
        const actorId = randomUUID();
        await redrive({ actorId, reason: "payments is back", lettersMax: 5 }, { deadLetterIds: [id] });
        const [entry, ...others] = await auditOf(actorId);
        expect(others).toEqual([]);
        expect(entry).toMatchObject({
          actorId,
          action: "RedriveDeadLetters",
          subject: id,
          at: expect.any(Date),
        });
        expect(JSON.parse(entry?.detail ?? "")).toEqual({
          deadLetters: 1,
          eventName,
          ratePerSecond: 100,
          lettersMax: 5,
          reason: "payments is back",
        });
      });
    });

    describe("the audit log", () => {
      const entry = (is: { actorId: string; subject?: string; auditEntryId?: string }) => ({
        auditEntryId: randomUUID(),
        action: "RetrySaga",
        subject: "s-1",
        detail: "it is stuck",
        ...is,
      });

      test("has each entry once, as it was recorded first", async () => {
        const actorId = randomUUID();
        const recorded = entry({ actorId });
        await desk.client.recordAudit(recorded);
        await desk.client.recordAudit({ ...recorded, detail: "something else" });
        expect(await auditOf(actorId)).toEqual([{ ...recorded, at: expect.any(Date) }]);
      });

      test("is walked through in pages, the newest first, by who and by what", async () => {
        const actorId = randomUUID();
        const subject = randomUUID();
        for (let count = 0; count < 5; count += 1) await desk.client.recordAudit(entry({ actorId, subject }));
        await desk.client.recordAudit(entry({ actorId: randomUUID(), subject }));
        const seen: string[] = [];
        let pageToken = "";
        do {
          const page = await desk.client.listAuditEntries({ actorId, subject, pageSize: 2, pageToken });
          expect(page.entries.length).toBeLessThanOrEqual(2);
          seen.push(...page.entries.map(({ auditEntryId }) => auditEntryId));
          pageToken = page.nextPageToken;
        } while (pageToken !== "");
        expect(new Set(seen).size).toBe(5);
        const all = await desk.client.listAuditEntries({ actorId: "", subject, ...anyPage });
        expect(all.entries).toHaveLength(6);
        const times = all.entries.map(({ at }) => at?.getTime() ?? 0);
        expect(times).toEqual([...times].sort((a, b) => b - a));
      });
    });
  });
}
