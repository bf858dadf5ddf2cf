// What orders can be told by its environment.

import { whole } from "@webstore/kit";
import { z } from "zod";

export const config = z.object({
  SAGA_LEASE_MS: whole(10_000, 100, 600_000).describe("How long a silent process's sagas are left to it."),
  JOURNAL_KEY: z
    .string()
    .min(16)
    .optional()
    .describe("Seals payment tokens in the journal; default: INTERNAL_API_KEY."),
});
