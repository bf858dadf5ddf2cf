// What a merchant can do about a dispute: answer it with evidence, or give it up.

import { invalidRequest, noSuch } from "./api-error.ts";
import { closeDispute, tell } from "./charge-back.ts";
import { type Dispute, decidedBy, isOpen, withEvidence } from "./dispute.ts";
import { checkExpand, withExpanded } from "./expansion.ts";
import type { Params } from "./form.ts";
import { mergeMetadata, only, readFlag, readMetadata, readText } from "./parameters.ts";
import type { Operation, Work } from "./provider.ts";

const updateParams = new Set(["evidence", "metadata", "submit", "expand"]);
const closeParams = new Set(["expand"]);
const evidenceNames = [
  "customer_communication",
  "customer_name",
  "product_description",
  "receipt",
  "service_date",
  "shipping_date",
  "shipping_tracking_number",
  "uncategorized_text",
] as const;
const evidenceKnown: ReadonlySet<string> = new Set(evidenceNames);
const evidenceLengthMax = 20_000;

function readEvidence(params: Params): Record<string, string> | undefined {
  const sent = params.evidence;
  if (sent === undefined) return undefined;
  if (typeof sent === "string") throw invalidRequest("Invalid hash", { param: "evidence" });
  only(sent, evidenceKnown);
  return Object.fromEntries(
    evidenceNames.flatMap((name) => {
      const text = readText(sent, name, evidenceLengthMax);
      return text === undefined ? [] : [[name, text]];
    }),
  );
}

/** Refuses one that is closed. */
function openDisputeOf(work: Work, id: string): Dispute {
  const dispute = work.store.disputes.find(id);
  if (dispute === undefined) throw noSuch("dispute", id, "dispute", 404);
  if (isOpen(dispute)) return dispute;
  throw invalidRequest(`This dispute is already closed: it was ${dispute.status}.`);
}

export const updateDispute: Operation = {
  scenarioName: undefined,
  forShoppers: false,
  parse(params, id) {
    only(params, updateParams);
    const evidence = readEvidence(params);
    const metadata = readMetadata(params);
    // As at Stripe, what is sent goes to the bank at once unless `submit` says otherwise.
    const submits = evidence !== undefined && (params.submit === undefined || readFlag(params, "submit"));
    const expand = checkExpand(params);
    return {
      about: undefined,
      execute(work) {
        const before = openDisputeOf(work, id);
        const after = {
          ...withEvidence(before, evidence ?? {}, submits),
          metadata: mergeMetadata(before.metadata, metadata),
        };
        work.store.disputes.update(after);
        tell(work, "charge.dispute.updated", after);
        const outcome = submits ? decidedBy(after.evidence) : undefined;
        const last = outcome === undefined ? after : closeDispute(work, after, outcome);
        return withExpanded(work.store, last, expand);
      },
    };
  },
};

/** Gives the dispute up: it is lost. */
export const giveUpDispute: Operation = {
  scenarioName: undefined,
  forShoppers: false,
  parse(params, id) {
    only(params, closeParams);
    const expand = checkExpand(params);
    return {
      about: undefined,
      execute: (work) =>
        withExpanded(work.store, closeDispute(work, openDisputeOf(work, id), "lost"), expand),
    };
  },
};
