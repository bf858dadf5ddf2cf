// When to try again, and for how long to wait. Only whoever knows that repeating is safe calls this.

/** Full jitter: anywhere between 0 and the doubled-per-attempt cap, so that callers do not come back together. */
export function backoffMs(
  attempt: number,
  is: { baseMs: number; capMs: number },
  random: () => number,
): number {
  return random() * Math.min(is.capMs, is.baseMs * 2 ** (attempt - 1));
}

/**
 * Bounds retries to a share of the requests, so that they cannot multiply an outage: each request
 * adds `share` of a token, each retry takes one, and no more than `burst` are saved up.
 */
export function retryBudget(share: number, burst: number) {
  let tokens = burst;
  return {
    request() {
      tokens = Math.min(burst, tokens + share);
    },
    /** True if a retry is allowed now; it is then counted. */
    take(): boolean {
      if (tokens < 1) return false;
      tokens -= 1;
      return true;
    },
  };
}

/** Waits, or ends early when `signal` aborts. */
export function delay(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done, { once: true });
  });
}
