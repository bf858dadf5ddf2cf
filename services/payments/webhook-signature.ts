// Whether an event is the provider's: its signature is over the bytes as they came, by the provider's own library.

import { invalidRequest } from "@webstore/kit";
import { Stripe } from "stripe";
import { eventOf, eventShape, type ProviderEvent } from "./provider-event.ts";
import { refusals } from "./refusals.ts";

/** How old a signature may be, so that nobody sends again what they have overheard. */
const toleranceSeconds = 300;

export type SignedEvent = { readonly payload: Uint8Array; readonly signature: string };

/** `wrong` is also a signature over other bytes. */
export type SignatureFault = "missing" | "wrong" | "old";

/**
 * The event, when it was signed with one of the secrets: several, while the provider's is being changed. `onRefused` is
 * told why it was not.
 */
export function verifiedEvent(
  event: SignedEvent,
  is: { secrets: readonly string[]; nowMs: number; onRefused: (fault: SignatureFault) => void },
): ProviderEvent {
  const faults: SignatureFault[] = [];
  for (const secret of is.secrets) {
    const fault = faultOf(event, secret, is.nowMs);
    if (fault === undefined) return readEvent(event.payload);
    faults.push(fault);
  }
  is.onRefused(faults.find((each) => each !== "wrong") ?? "wrong");
  throw refusals.refuse("webhook_signature_invalid");
}

/** The first half of the library's `constructEvent`; the second, reading what was signed, is ours, to tell them apart. */
function faultOf(
  { payload, signature }: SignedEvent,
  secret: string,
  nowMs: number,
): SignatureFault | undefined {
  if (signature === "") return "missing";
  const verifier = Stripe.webhooks.signature;
  if (verifier === null) throw new Error("the provider's library cannot verify signatures");
  try {
    const isGood = verifier.verifyHeader(
      Buffer.from(payload),
      signature,
      secret,
      toleranceSeconds,
      undefined,
      nowMs,
    );
    return isGood ? undefined : "wrong";
  } catch (error) {
    return error instanceof Error && error.message.includes("tolerance") ? "old" : "wrong";
  }
}

/** What was signed and is no event is the provider's mistake, and stored nowhere. */
function readEvent(payload: Uint8Array): ProviderEvent {
  let body: unknown;
  try {
    body = JSON.parse(Buffer.from(payload).toString("utf8"));
  } catch {
    throw invalidRequest("payload", "is not JSON");
  }
  const read = eventShape.safeParse(body);
  if (!read.success) throw invalidRequest("payload", "is not an event");
  return eventOf(read.data);
}
