// A breaker per callee: after so many outages in a row nothing is sent for a while, then one
// call tries. A refusal is an answer, so it closes the breaker as a success does.

import { BrokenCircuitError, ConsecutiveBreaker, circuitBreaker, handleWhen, type IPolicy } from "cockatiel";
import type { BreakerPolicy } from "./definition.ts";
import { Outage } from "./refusal.ts";

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
  try {
    return await circuit.execute(work);
  } catch (error) {
    if (!(error instanceof BrokenCircuitError)) throw error;
    throw new Outage(peer, `${peer}: the breaker is open`, { notSent: true });
  }
}
