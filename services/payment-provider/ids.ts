// Ids and chances, all from the seed and stored counters: equal seeds and equal requests give equal
// ids and equal failures, and no id comes twice, also after a restart.

import { hash } from "node:crypto";
import { type Database, seqText } from "./database.ts";

export type Ids = {
  /** Such as `pi_0jc4pv1k6o0…`; ids of one kind sort by age. */
  next(prefix: string, nowSeconds: number): string;
  /** The secret that goes with an id. */
  secretOf(id: string): string;
  /** A number in [0, 1). `purpose` keeps several chances of one draw apart. */
  chance(draw: number, purpose: string): number;
};

export function seededIds(seed: string, database: Database): Ids {
  const digits = (text: string) => hash("sha256", `${seed}:${text}`);
  return {
    next(prefix, nowSeconds) {
      const seq = database.nextSeq(nowSeconds);
      return `${prefix}_${seqText(seq)}${digits(`id:${seq}`).slice(0, 13)}`;
    },
    secretOf: (id) => `${id}_secret_${digits(`secret:${id}`).slice(0, 25)}`,
    chance: (draw, purpose) => Number.parseInt(digits(`${purpose}:${draw}`).slice(0, 12), 16) / 2 ** 48,
  };
}
