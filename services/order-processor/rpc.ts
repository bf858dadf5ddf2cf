// The contract, method by method: message → use case → message.

import { currentContext, type HandlersOf } from "@webstore/kit";
import type { ProcessingServiceDefinition } from "@webstore/proto/processing/v1";
import type { AuditStore } from "./audit-store.ts";
import { auditMessageOf, deadLetterMessageOf, filterOf } from "./dead-letter-message.ts";
import { getDeadLetter } from "./get-dead-letter.ts";
import { listAuditEntries } from "./list-audit-entries.ts";
import { listDeadLetters } from "./list-dead-letters.ts";
import { recordAudit } from "./record-audit.ts";
import { type RedriveParts, redriveDeadLetters } from "./redrive-dead-letters.ts";

export function rpc(
  parts: RedriveParts & { readonly audit: AuditStore },
): HandlersOf<typeof ProcessingServiceDefinition> {
  return {
    async listDeadLetters({ filter, ...page }) {
      const { deadLetters, nextPageToken } = await listDeadLetters(parts, filterOf(filter), page);
      return { deadLetters: deadLetters.map(deadLetterMessageOf), nextPageToken };
    },

    async getDeadLetter({ deadLetterId }) {
      const letter = await getDeadLetter(parts, deadLetterId);
      return { deadLetter: deadLetterMessageOf(letter), key: letter.key, value: letter.value };
    },

    redriveDeadLetters: ({ filter, ...request }) =>
      redriveDeadLetters(parts, { ...request, filter: filterOf(filter) }, currentContext().idempotencyKey),

    async recordAudit(entry) {
      await recordAudit(parts, entry);
      return {};
    },

    async listAuditEntries({ actorId, subject, ...page }) {
      const { entries, nextPageToken } = await listAuditEntries(parts, { actorId, subject }, page);
      return { entries: entries.map(auditMessageOf), nextPageToken };
    },
  };
}
