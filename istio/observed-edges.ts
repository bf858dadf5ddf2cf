// What the mesh saw of calls: read from a proxy's counters, in Prometheus' text or in Envoy's own, or from its access log
// in JSON. A line that is about something else is passed over: proxies count much more, and applications log beside them.
//
// Only what a proxy sent out counts. What came in is what another proxy sent, and it does not say which RPC it was.

export type Observed = {
  /** The service whose proxy said so. */
  readonly caller: string;
  /** The host that was called, or one of Envoy's two for what it does not know. */
  readonly host: string;
  /** The path, where the line says it: access logs do, counters do not. */
  readonly path: string | undefined;
  readonly requests: number;
};

/** Where Envoy sends what no service is known for: on to wherever, or nowhere. */
export const unknownHosts = ["PassthroughCluster", "BlackHoleCluster"] as const;

export function observedIn(caller: string, text: string): Observed[] {
  const sums = new Map<string, Observed>();
  for (const line of text.split("\n")) {
    const seen = inLine(line);
    if (seen === undefined) continue;
    const key = `${seen.host} ${seen.path ?? ""}`;
    const requests = (sums.get(key)?.requests ?? 0) + seen.requests;
    sums.set(key, { caller, ...seen, requests });
  }
  return [...sums.values()].filter(({ requests }) => requests > 0);
}

type Seen = Omit<Observed, "caller">;

// HTTP is counted by requests, everything else by connections; a host has one of the two.
const prometheusLine =
  /^envoy_cluster_upstream_(?:rq|cx)_total\{(?:[^}]*,)?cluster_name="([^"]+)"[^}]*\} ([\d.eE+]+)/;
const envoyLine = /^cluster\.(.+?)\.upstream_(?:rq|cx)_total: (\d+)/;

function inLine(line: string): Seen | undefined {
  if (line.startsWith("{")) return inAccessLog(line);
  const [, cluster, count] = prometheusLine.exec(line) ?? envoyLine.exec(line) ?? [];
  if (cluster === undefined) return undefined;
  const host = hostIn(cluster);
  return host === undefined ? undefined : { host, path: undefined, requests: Number(count) };
}

function inAccessLog(line: string): Seen | undefined {
  const entry = jsonIn(line);
  const { upstream_cluster: cluster, path } = entry as { upstream_cluster?: unknown; path?: unknown };
  const host = typeof cluster === "string" ? hostIn(cluster) : undefined;
  if (host === undefined) return undefined;
  return { host, path: typeof path === "string" ? (path.split("?")[0] ?? path) : undefined, requests: 1 };
}

function jsonIn(line: string): object {
  try {
    const parsed: unknown = JSON.parse(line);
    return typeof parsed === "object" && parsed !== null ? parsed : {};
  } catch {
    // The end of a log that was cut.
    return {};
  }
}

/** `outbound|5104||a-orders.shop.svc.cluster.local;` → the host. The semicolon is how Istio ends names in counters. */
function hostIn(cluster: string): string | undefined {
  const name = cluster.replace(/;$/, "");
  if (unknownHosts.some((unknown) => unknown === name)) return name;
  return /^outbound\|\d+\|[^|]*\|(.+)$/.exec(name)?.[1];
}
