// Leases on a real server: one holder at a time, whatever becomes of the others.

import { type Mongo, openLog } from "@webstore/kit";
import { describeWithDocker, openMongo, startMongo } from "@webstore/kit/testing-container";
import { afterAll, beforeAll, expect, test } from "vitest";
import { leaseMs, openMongoLeases, waitMaxMs } from "./lease.mongo.ts";

describeWithDocker("leases in MongoDB", () => {
  let server: Awaited<ReturnType<typeof startMongo>>;
  const opened: Mongo[] = [];
  beforeAll(async () => {
    server = await startMongo();
  });
  afterAll(async () => {
    for (const mongo of opened) await mongo.close();
    await server?.stop();
  });

  /** Leases as a process of its own has them. Time passes only while it waits. */
  async function inProcess(clock = { nowMs: 1_000_000 }) {
    const log = openLog("test", { level: "silent" });
    const mongo = await openMongo({
      url: server.url,
      database: "catalog",
      poolMax: 8,
      applicationName: "test",
      log,
    });
    opened.push(mongo);
    const delayMs = async (ms: number) => {
      if (!Object.isFrozen(clock)) clock.nowMs += ms;
    };
    return openMongoLeases(mongo, { nowMs: () => clock.nowMs, random: () => 0.5, delayMs });
  }

  test("of many that work under one name at once, in two processes, each works alone", async () => {
    // Time stands still, so that nobody gives up.
    const clock = Object.freeze({ nowMs: 1_000_000 });
    const processes = [await inProcess(clock), await inProcess(clock)];
    let working = 0;
    const seen: number[] = [];
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        processes[index % 2]?.hold("one name", async () => {
          working += 1;
          seen.push(working);
          await opened[0]?.ready();
          working -= 1;
        }),
      ),
    );
    expect(seen).toEqual(Array.from({ length: 20 }, () => 1));
  });

  test("other names do not wait, and what work answers or throws comes through and ends the lease", async () => {
    const leases = await inProcess();
    const inner = await leases.hold("outer", () => leases.hold("inner", async () => "answer"));
    expect(inner).toBe("answer");
    const thrown = leases.hold("outer", () => Promise.reject(new Error("work failed")));
    await expect(thrown).rejects.toThrow("work failed");
    expect(await leases.hold("outer", async () => "free again")).toBe("free again");
  });

  test("who waits too long gets an outage, and the holder keeps its lease", async () => {
    const clock = { nowMs: 1_000_000 };
    const [holder, other] = [await inProcess(clock), await inProcess(clock)];
    await holder.hold("held", async () => {
      const refused = other.hold("held", async () => expect.fail("two hold it"));
      await expect(refused).rejects.toMatchObject({ name: "Outage" });
      expect(clock.nowMs - 1_000_000).toBeLessThan(2 * waitMaxMs);
    });
    expect(await other.hold("held", async () => "free")).toBe("free");
  });

  test("a holder that is gone for too long is overtaken, and when it comes back it ends nobody else's lease", async () => {
    const clock = { nowMs: 1_000_000 };
    const [dead, other, third] = [await inProcess(clock), await inProcess(clock), await inProcess(clock)];
    const [begun, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const late = dead.hold("left behind", () => {
      begun.resolve();
      return end.promise;
    });
    await begun.promise;
    clock.nowMs += leaseMs + 1;
    await other.hold("left behind", async () => {
      end.resolve();
      await late;
      const refused = third.hold("left behind", async () => expect.fail("two hold it"));
      await expect(refused).rejects.toMatchObject({ name: "Outage" });
    });
    expect(await third.hold("left behind", async () => "free")).toBe("free");
  });
});
