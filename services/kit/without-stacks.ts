// For libraries that note the caller's stack at every call, in case it fails: grpc-js and Stripe's. Walking it was a fiftieth
// of the main thread's time for each, and nobody reads it: whose call failed, and which, our own errors say.

/** What `work` makes of errors before it first waits has no stack. */
export function withoutStacks<T>(work: () => T): T {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return work();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
