// A breaker per callee: after so many outages in a row nothing is sent for a while, then one
// call tries. Whatever is no outage, such as a refusal, is an answer: it ends the row and closes the
// breaker as a success does. So is word of somebody behind the callee who does not answer: one payment that the provider cannot
// let go of must not keep all others from payments. A call that its caller cancelled, or gave too little time, says nothing about the callee.

import { BrokenCircuitError, ConsecutiveBreaker, circuitBreaker, handleWhen, type IPolicy } from "cockatiel";
import type { BreakerPolicy } from "./definition.ts";
import { Outage } from "./refusal.ts";
import { Cancelled, DeadlineExceeded } from "./rpc-status.ts";

export type Breaker = {
  run<T>(work: () => Promise<T>): Promise<T>;
  /** For metrics: 0 closed, 1 half open, 2 open. */
  state(): number;
};

export function openBreaker(peer: string, policy: BreakerPolicy | undefined): Breaker {
  if (policy === undefined) return { run: (work) => work(), state: () => 0 };
  const circuit = circuitBreaker(
    handleWhen((error) => error instanceof Outage),
    { halfOpenAfter: policy.coolDownMs, breaker: new ConsecutiveBreaker(policy.failures) },
  );
  return {
    run: (work) => through(circuit, peer, work),
    state: () => (circuit.state === 0 ? 0 : circuit.state === 2 ? 1 : 2),
  };
}

async function through<T>(circuit: IPolicy, peer: string, work: () => Promise<T>): Promise<T> {
  let outcome: { value: T } | { thrown: unknown };
  try {
    outcome = await circuit.execute(() => answerOf(work));
  } catch (error) {
    if (!(error instanceof BrokenCircuitError)) throw error;
    throw new Outage(peer, `${peer}: the breaker is open`, { notSent: true });
  }
  if ("thrown" in outcome) throw outcome.thrown;
  return outcome.value;
}

/** To cockatiel an error that it is not told to handle is nothing at all, so what counts as an answer is not thrown. */
async function answerOf<T>(work: () => Promise<T>): Promise<{ value: T } | { thrown: unknown }> {
  try {
    return { value: await work() };
  } catch (error) {
    if (
      (error instanceof Outage && !error.answered) ||
      error instanceof Cancelled ||
      error instanceof DeadlineExceeded
    )
      throw error;
    return { thrown: error };
  }
}
