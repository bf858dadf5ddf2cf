// What orders can be told by its environment.

import { whole } from "@webstore/kit";
import { z } from "zod";

export const config = z.object({
  SAGA_LEASE_MS: whole(10_000, 100, 600_000).describe("How long a silent process's sagas are left to it."),
  JOURNAL_KEY: z
    .string()
    .refine((keys) => keys.split(",").every((key) => key.length >= 16), "at least 16 characters each")
    .optional()
    .describe(
      "Seals payment tokens in the journal; several, with commas: the first seals, all open. Default: INTERNAL_API_KEY.",
    ),
});
