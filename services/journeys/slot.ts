// A place for one more store on this machine: an offset for all of its ports that nobody else uses.

import { createServer, type Server } from "node:net";

const slotsMax = 9;
/** More than the services' ports are apart, however many there are: the ports of no two stores meet. */
const slotStep = 1_000;
/** Below the ports that systems give away by themselves; not a port of the store itself. */
const portOffsetFirst = 10_000;
const claimPort = 9_999;

/** Whoever listens on the slot's own port has it. */
export async function takeSlot(): Promise<{ portOffset: number; give(): void }> {
  for (let slot = 0; slot < slotsMax; slot++) {
    const portOffset = portOffsetFirst + slot * slotStep;
    const claim = await listen(claimPort + portOffset);
    if (claim !== undefined) return { portOffset, give: () => claim.close() };
  }
  throw new Error(`${slotsMax} stores run here already`);
}

function listen(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen(port, "127.0.0.1", () => resolve(server.unref()));
  });
}
