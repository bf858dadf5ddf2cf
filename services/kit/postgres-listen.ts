// Notifications: one connection that listens for as long as somebody wants it to.
//
// Invariants:
//   L1. A notification is a hint. Those sent while the connection is down are lost, so after each reconnect the
//       listener is called with "" and looks for itself.
//   L2. It never gives up and never hurries: tries are 0.1 s apart at first and 5 s at most.

import type pg from "pg";
import { postgresError } from "./postgres-errors.ts";

const backoffMs = { first: 100, max: 5_000 };

type Log = (message: string) => void;

/** Resolves once the channel is listened to; throws when the first try fails. The result ends it. */
export async function listenTo(
  channel: string,
  onNotify: (payload: string) => void,
  newClient: () => pg.Client,
  log: Log = () => {},
): Promise<() => Promise<void>> {
  if (!/^[a-z_]{1,63}$/.test(channel))
    throw new Error(`not a channel name (letters and underscores): ${channel}`);
  let current: pg.Client | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  const notify = (payload: string) => {
    try {
      onNotify(payload);
    } catch (error) {
      log(`the listener of ${channel} failed: ${error instanceof Error ? error.message : String(error)}`);
    }
  };

  const open = async () => {
    const client = newClient();
    client.on("error", () => {});
    client.on("notification", ({ payload }) => notify(payload ?? ""));
    try {
      await client.connect();
      await client.query(`listen ${channel}`);
    } catch (error) {
      await client.end();
      throw postgresError(error, `listen ${channel}`);
    }
    if (stopped) return client.end();
    current = client;
    client.once("end", () => {
      current = undefined;
      if (!stopped) retry(backoffMs.first);
    });
  };

  const retry = (delayMs: number) => {
    timer = setTimeout(() => {
      open().then(
        () => stopped || notify(""),
        (error: Error) => {
          log(`cannot listen to ${channel}: ${error.message}`);
          if (!stopped) retry(Math.min(delayMs * 2, backoffMs.max));
        },
      );
    }, delayMs);
  };

  await open();
  return async () => {
    stopped = true;
    clearTimeout(timer);
    await current?.end();
  };
}
