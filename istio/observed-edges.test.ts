import { expect, test } from "vitest";
import { observedIn } from "./observed-edges.ts";

const orders = "a-orders.shop.svc.cluster.local";
const once = (host: string, requests: number, path?: string) => ({ caller: "cart", host, path, requests });

test("counters in Prometheus' text: what was sent out, and nothing else", () => {
  const text = `# TYPE envoy_cluster_upstream_rq_total counter
envoy_cluster_upstream_rq_total{cluster_name="outbound|5104||${orders}"} 12
envoy_cluster_upstream_rq_total{cluster_name="outbound|5102||a-catalog.shop.svc.cluster.local"} 0
envoy_cluster_upstream_rq_total{cluster_name="inbound|5103||"} 40
envoy_cluster_upstream_rq_total{cluster_name="xds-grpc"} 3
envoy_cluster_upstream_rq_timeout{cluster_name="outbound|5104||${orders}"} 2
envoy_cluster_upstream_cx_total{cluster_name="outbound|6379||a-redis.shop.svc.cluster.local"} 2
envoy_cluster_upstream_rq_total{response_code="200",cluster_name="outbound|80||crm.example.com"} 1e+03
envoy_server_uptime{} 55
`;
  expect(observedIn("cart", text)).toEqual([
    once(orders, 12),
    once("a-redis.shop.svc.cluster.local", 2),
    once("crm.example.com", 1_000),
  ]);
});

test("counters in Envoy's own text, whose names end in a semicolon", () => {
  const text = `cluster.outbound|5104||${orders};.upstream_rq_total: 7
cluster.outbound|5104||${orders};.upstream_rq_503: 2
cluster.outbound|5432||a-postgres.shop.svc.cluster.local.upstream_cx_total: 4
cluster.PassthroughCluster;.upstream_cx_total: 1
cluster.BlackHoleCluster.upstream_cx_total: 0
cluster.inbound|5103||;.upstream_rq_total: 9
listener.0.0.0.0_15006.downstream_cx_total: 11
`;
  expect(observedIn("cart", text)).toEqual([
    once(orders, 7),
    once("a-postgres.shop.svc.cluster.local", 4),
    once("PassthroughCluster", 1),
  ]);
});

test("the access log says which path, and each line is one request", () => {
  const line = (cluster: string, path: string) =>
    JSON.stringify({ upstream_cluster: cluster, path, response_code: 200 });
  const get = "/webstore.orders.v1.OrderService/GetOrder";
  const text = [
    line(`outbound|5104||${orders}`, get),
    line(`outbound|5104||${orders};`, get),
    line("outbound|3003||a-inventory.shop.svc.cluster.local", "/v1/stock?product_ids=1"),
    line("inbound|5103||", "/webstore.cart.v1.CartService/GetCart"),
    '{"level":30,"msg":"ready"}',
    '{"upstream_cluster":"outbound|51',
    "2026-01-01T00:00:00Z info Envoy proxy is ready",
    '{"upstream_cluster":null,"path":"/"}',
    "[]",
  ].join("\n");
  expect(observedIn("cart", text)).toEqual([
    once(orders, 2, get),
    once("a-inventory.shop.svc.cluster.local", 1, "/v1/stock"),
  ]);
});

test("of nothing nothing is read", () => {
  expect(observedIn("cart", "")).toEqual([]);
});
