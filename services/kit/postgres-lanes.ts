// Connections that several callers share: what is asked at the same time leaves one behind the other on one connection,
// without waiting for the answers before it. That costs less than a connection for each: fewer server processes are
// woken, and each reads and writes more at a time.
//
// Invariants:
//   L1. Callers share nothing but the lane: each batch is a transaction of its own (X1 in postgres-batch.ts), so one that
//       fails leaves those behind it as they are.
//   L2. Nobody joins a lane of `depthMax`, nor one whose first has been at it for `slowMs`: a slow statement holds up
//       those who came just behind it, and nobody who comes later.
//   L3. A connection that broke is joined by nobody, and is given back when the last in its lane has an answer.
//   L4. A connection is given back after `joinedMax` at the latest, however many come: who waits for one has a turn.

export type Lanes<Client, Answer> = {
  /**
   * Sends so many statements on a shared connection. `use` is told how many are in its lane, its own included: all of
   * those may have to be waited for. Throws what connecting threw.
   */
  run(statements: number, use: (client: Client, inLane: number) => Promise<Answer>): Promise<Answer>;
};

type Lane<Client> = {
  readonly client: Promise<Client>;
  callers: number;
  /** All who ever joined. */
  joined: number;
  statements: number;
  /** Since when the first of them is at it. */
  firstSinceMs: number;
  isBroken: boolean;
};

const depthMax = 8;
const slowMs = 20;
const joinedMax = 32;

export function openLanes<Client, Answer>(is: {
  connect: () => Promise<Client>;
  giveBack: (client: Client, isBroken: boolean) => void;
  breaks: (answer: Answer) => boolean;
  nowMs: () => number;
}): Lanes<Client, Answer> {
  const { connect, giveBack, breaks, nowMs } = is;
  const lanes = new Set<Lane<Client>>();

  const laneToJoin = (): Lane<Client> => {
    const now = nowMs();
    for (const lane of lanes) {
      const hasRoom = lane.callers < depthMax && lane.joined < joinedMax;
      if (hasRoom && !lane.isBroken && now - lane.firstSinceMs < slowMs) return lane;
    }
    const unused = { callers: 0, joined: 0, statements: 0, firstSinceMs: now, isBroken: false };
    const lane = { ...unused, client: connect() };
    lanes.add(lane);
    return lane;
  };

  return {
    async run(statements, use) {
      const lane = laneToJoin();
      lane.callers += 1;
      lane.joined += 1;
      lane.statements += statements;
      let client: Client | undefined;
      try {
        client = await lane.client;
        const answer = await use(client, lane.statements);
        lane.isBroken ||= breaks(answer);
        return answer;
      } catch (error) {
        lane.isBroken = true;
        throw error;
      } finally {
        lane.callers -= 1;
        lane.statements -= statements;
        lane.firstSinceMs = nowMs();
        if (lane.callers === 0) {
          lanes.delete(lane);
          if (client !== undefined) giveBack(client, lane.isBroken);
        }
      }
    },
  };
}
