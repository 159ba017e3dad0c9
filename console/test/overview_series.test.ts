import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OverviewSeries, windowS } from "../src/overview_series.js";
import type { Overview } from "../src/types.js";

const startMs = 1_700_000_000_000;

function overview(node: string, atMs: number, change: Partial<Overview> = {}): Overview {
  return {
    node,
    node_name: `node-${node}`,
    at_ms: atMs,
    num_clients: 1,
    num_users: 0,
    num_subs: 0,
    num_channels: 0,
    publications_per_s: 0,
    deliveries_per_s: 0,
    commands_per_s: 0,
    errors_per_s: 0,
    connects_per_s: 0,
    disconnects_per_s: 0,
    relay_accepted_per_s: 0,
    relay_rejected_per_s: 0,
    outbox_waiting: 0,
    loop_lag_ms: 0,
    cpu_percent: 0,
    rss_bytes: 0,
    latency_p50_ms: null,
    latency_p99_ms: null,
    ...change,
  };
}

describe("the last five minutes", () => {
  it("nodes whose clocks are apart fall into the same second", () => {
    const series = new OverviewSeries();
    series.add(overview("a", startMs, { num_clients: 3 }), startMs);
    series.add(overview("b", startMs - 90_000, { num_clients: 4 }), startMs + 20);
    series.add(overview("a", startMs + 1_000, { num_clients: 5 }), startMs + 1_000);
    series.add(overview("b", startMs - 89_000, { num_clients: 6 }), startMs + 1_020);
    expect(series.folded("num_clients", "sum").slice(-2)).toEqual([7, 11]);
    expect(series.latest("num_clients", "worst")).toBe(6);
  });

  it("a late report leaves no hole, and a node that is gone is not in the sum for long", () => {
    const series = new OverviewSeries();
    series.add(overview("b", startMs), startMs);
    for (let second = 0; second <= 8; second += 1) series.add(overview("a", startMs + second * 1_000), startMs + second * 1_000);
    expect(series.folded("num_clients", "sum").slice(-9)).toEqual([2, 2, 2, 2, 2, 1, 1, 1, 1]);
    expect(series.nodes.map(({ uid, isStale }) => [uid, isStale])).toEqual([
      ["a", false],
      ["b", true],
    ]);
  });

  it("what no node has measured is not 0", () => {
    const series = new OverviewSeries();
    series.add(overview("a", startMs), startMs);
    expect(series.latest("latency_p99_ms", "worst")).toBeNull();
    expect(series.latest("num_clients", "sum")).toBe(1);
    expect(new OverviewSeries().latest("num_clients", "sum")).toBeNull();
  });

  it("holds no more than its window, however long it runs", () => {
    const series = new OverviewSeries();
    for (let second = 0; second < 2_000; second += 1) series.add(overview("a", startMs + second * 1_000), startMs + second * 1_000);
    series.add(overview("b", startMs + 2_400_000), startMs + 2_400_000);
    expect(series.nodes.map(({ uid }) => uid)).toEqual(["b"]);
    expect(series.seconds.length).toBe(windowS);
  });

  it("a sum is that of the lines of its nodes, where all have spoken", () => {
    const reports = fc.array(fc.tuple(fc.constantFrom("a", "b", "c"), fc.nat(60), fc.nat(1_000)), { minLength: 1 });
    fc.assert(
      fc.property(reports, (list) => {
        const series = new OverviewSeries();
        for (const [node, second, value] of list) {
          const atMs = startMs + second * 1_000;
          series.add(overview(node, atMs, { num_clients: value }), atMs);
        }
        const lines = series.nodes.map(({ uid }) => series.line(uid, "num_clients"));
        const sum = series.folded("num_clients", "sum");
        sum.forEach((value, index) => {
          const spoken = lines.map((line) => line[index]).filter((each) => each !== null && each !== undefined);
          expect(value).toBe(spoken.length ? spoken.reduce((a, b) => a + b, 0) : null);
        });
      }),
    );
  });
});
