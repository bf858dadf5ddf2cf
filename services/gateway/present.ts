// Messages of the contracts may lack any message field; the ones that a service always fills in are
// unwrapped here.

/** The value; a service that left it out has a bug. */
export function present<T>(value: T | undefined, field: string): T {
  if (value === undefined) throw new Error(`a service answered without ${field}`);
  return value;
}
