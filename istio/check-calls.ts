// The report of `npm run check:calls`: every edge with what it can take, the path with the most attempts, and what breaks
// a rule, each with what to do.

import { attemptsOfPathMax, type Checked, pathName } from "./call-checks.ts";
import type { Edge } from "./call-graph.ts";

export function reportOf({ edges, worst, violations, accepted }: Checked): string {
  const lines = [
    ...tableOf(edges),
    "",
    `Most attempts of one path: ${worst?.attempts ?? 0} of at most ${attemptsOfPathMax}` +
      (worst === undefined ? "" : ` (${pathName(worst)})`),
    ...[...Map.groupBy(accepted, ({ rule, because }) => `Accepted, ${rule}, because ${because}:`)].flatMap(
      ([reason, those]) => [reason, ...those.map(({ subject }) => `  ${subject}`)],
    ),
    "",
    ...violations.flatMap(({ rule, subject, found, whatToDo }) => [
      `${rule}: ${subject}`,
      `  ${found}.`,
      `  To do: ${whatToDo}.`,
    ]),
    `${counted(edges.length, "edge")}, ${violations.length === 0 ? "no violation" : counted(violations.length, "violation")}`,
  ];
  return `${lines.join("\n")}\n`;
}

const counted = (count: number, what: string) => `${count} ${what}${count === 1 ? "" : "s"}`;

function tableOf(edges: readonly Edge[]): string[] {
  const rows = edges.map((edge) => [
    edge.caller,
    `${edge.callee}.${edge.method}`,
    `${edge.attempts} × ${edge.attemptMs} ms`,
    `${edge.worstMs} ms`,
    edge.unawaited === undefined ? `${edge.callerMs} ms` : "nobody waits",
    edge.call.breaker === undefined
      ? "none"
      : `${edge.call.breaker.failures}, ${edge.call.breaker.coolDownMs / 1_000} s`,
  ]);
  const all = [["caller", "callee", "attempts", "at worst", "caller has", "breaker"], ...rows];
  const widths = (all[0] ?? []).map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
