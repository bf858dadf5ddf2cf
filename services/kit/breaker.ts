// A breaker per callee: after so many outages in a row nothing is sent for a while, then one
// call tries. Whatever is no outage, such as a refusal, is an answer: it ends the row and closes the
// breaker as a success does.

import { BrokenCircuitError, ConsecutiveBreaker, circuitBreaker, handleAll, type IPolicy } from "cockatiel";
import type { BreakerPolicy } from "./definition.ts";
import { Outage } from "./refusal.ts";

export type Breaker = {
  run<T>(work: () => Promise<T>): Promise<T>;
  /** For metrics: 0 closed, 1 half open, 2 open. */
  state(): number;
};

export function openBreaker(peer: string, policy: BreakerPolicy | undefined): Breaker {
  if (policy === undefined) return { run: (work) => work(), state: () => 0 };
  const circuit = circuitBreaker(handleAll, {
    halfOpenAfter: policy.coolDownMs,
    breaker: new ConsecutiveBreaker(policy.failures),
  });
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

/** Only outages are thrown: to cockatiel an error that it is told not to handle is nothing, where it is an answer to us. */
async function answerOf<T>(work: () => Promise<T>): Promise<{ value: T } | { thrown: unknown }> {
  try {
    return { value: await work() };
  } catch (error) {
    if (error instanceof Outage) throw error;
    return { thrown: error };
  }
}
