// Which member of a group gets which partitions: pure, and decided by the member that Kafka names the leader.
//
// Invariants:
//   S1. A partition is given to nobody while a member says that it has it, except to that member. What has to move is
//       first taken from its member; when that one has given it up, it asks anew, and the partition is free.
//   S2. Members' shares differ by one partition at most, once nothing has to move any more.
//   S3. No partition moves that need not.

export type MemberClaims = { readonly id: string; readonly owned: readonly number[] };

export function assignPartitions(
  members: readonly MemberClaims[],
  partitions: number,
): Map<string, readonly number[]> {
  const given = new Map<string, number[]>();
  const taken = new Set<number>();
  const claims = members.map(({ id, owned }) => {
    const own = owned.filter((each) => each < partitions && !taken.has(each));
    for (const each of own) taken.add(each);
    return { id, own: own.toSorted((a, b) => a - b) };
  });
  // Who has most keeps the larger share, so that less moves.
  const ordered = claims.toSorted((a, b) => b.own.length - a.own.length || (a.id < b.id ? -1 : 1));
  const share = Math.floor(partitions / members.length);
  const larger = partitions % members.length;
  const free = Array.from({ length: partitions }, (_, n) => n).filter((each) => !taken.has(each));
  ordered.forEach(({ id, own }, n) => {
    const kept = own.slice(0, n < larger ? share + 1 : share);
    given.set(id, kept);
  });
  ordered.forEach(({ id }, n) => {
    const quota = n < larger ? share + 1 : share;
    const got = given.get(id) ?? [];
    given.set(id, [...got, ...free.splice(0, quota - got.length)]);
  });
  return given;
}
