// Whether an event is the provider's: its signature is over the bytes as they came, by the provider's own library.

import { Stripe } from "stripe";
import { invalidRequest } from "./invalid-request.ts";
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
    const opened = open(event, secret, is.nowMs);
    if (typeof opened !== "string") return readEvent(opened.body);
    faults.push(opened);
  }
  is.onRefused(faults.find((each) => each !== "wrong") ?? "wrong");
  throw refusals.refuse("webhook_signature_invalid");
}

function open(
  { payload, signature }: SignedEvent,
  secret: string,
  nowMs: number,
): { readonly body: unknown } | SignatureFault {
  if (signature === "") return "missing";
  try {
    const body: unknown = Stripe.webhooks.constructEvent(
      Buffer.from(payload),
      signature,
      secret,
      toleranceSeconds,
      undefined,
      nowMs,
    );
    return { body };
  } catch (error) {
    // What was signed and cannot be read.
    if (!(error instanceof Stripe.errors.StripeSignatureVerificationError)) return { body: undefined };
    return error.message.includes("tolerance") ? "old" : "wrong";
  }
}

/** What was signed and is no event is the provider's mistake, and stored nowhere. */
function readEvent(body: unknown): ProviderEvent {
  const read = eventShape.safeParse(body);
  if (!read.success) throw invalidRequest("payload", "is not an event");
  return eventOf(read.data);
}
