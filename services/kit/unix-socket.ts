// Socket files: where two ends are on one machine, a call by them costs both less than loopback does.

import { platform } from "node:os";

/** A little less than the shortest limit that a system has. */
const pathBytesMax = 100;

/** Whether there may be a socket at this path: none on Windows, and none where the path is too long for one. */
export function mayBeSocket(path: string): boolean {
  return platform() !== "win32" && Buffer.byteLength(path) <= pathBytesMax;
}
