// Socket files: where two ends are on one machine, a call by them costs both less than loopback does.

import { lstatSync, unlinkSync } from "node:fs";
import { platform } from "node:os";

/** A little less than the shortest limit that a system has. */
const pathBytesMax = 100;

/** Whether there may be a socket at this path: none on Windows, and none where the path is too long for one. */
export function mayBeSocket(path: string): boolean {
  return platform() !== "win32" && Buffer.byteLength(path) <= pathBytesMax;
}

/** Takes away what a process that was killed has left; anything but a socket stays where it is. */
export function forgetSocket(path: string) {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket()) unlinkSync(path);
}
