import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { layOut, skewsOf, spanRows, timeLabel, unfolded, type Row } from "../../src/components/waterfall/layout.js";
import { anySpans, span } from "./spans.js";

function outline(rows: readonly Row[]): string[] {
  return rows.map((row) => "  ".repeat(row.depth) + (row.kind === "span" ? row.span.name : `(${row.label})`));
}

describe("the layout of a trace", () => {
  it("has parents above what they caused, and brothers by their start", () => {
    const { rows } = layOut([
      span({ span_id: "c", parent_id: "a", name: "fan_out chat on b", start: 900, node: "n2" }),
      span({ span_id: "b", parent_id: "a", name: "fan_out chat on a", start: 500 }),
      span({ span_id: "h", name: "POST /api/publish", kind: "server", start: 0 }),
      span({ span_id: "a", parent_id: "h", start: 100 }),
    ]);
    expect(outline(rows)).toEqual([
      "POST /api/publish",
      "  publish chat",
      "    fan_out chat on a",
      "    fan_out chat on b",
    ]);
    expect(rows.map((row) => row.numBelow)).toEqual([3, 2, 0, 0]);
  });

  it("shows one row for a parent that is outside, named after what it must be", () => {
    const { rows } = layOut([
      span({ span_id: "p", parent_id: "out1", name: "process orders", kind: "consumer" }),
      span({ span_id: "q", parent_id: "out1", name: "process orders", kind: "consumer", start: 5 }),
      span({ span_id: "k", parent_id: "out2", name: "acknowledge chat", kind: "consumer", start: 9 }),
      span({ span_id: "r", parent_id: "out3", name: "GET /v1/me", kind: "server", start: 10 }),
      span({ span_id: "s", parent_id: "out4", name: "POST /api/publish", kind: "server", start: 11 }),
    ]);
    expect(outline(rows)).toEqual([
      "(publisher)",
      "  process orders",
      "  process orders",
      "(browser)",
      "  acknowledge chat",
      "(caller)",
      "  GET /v1/me",
      "(publisher)",
      "  POST /api/publish",
    ]);
  });

  it("puts the browsers below what they have shown, with all that they did about it", () => {
    const shown = { kind: "consumer", name: "acknowledge chat", attributes: { "syncline.publish_span_id": "p" } } as const;
    const { rows } = layOut([
      span({ span_id: "p", parent_id: "out", name: "publish chat", kind: "producer" }),
      span({ span_id: "f", parent_id: "p", name: "fan_out chat", start: 5 }),
      span({ span_id: "k", parent_id: "tab1", start: 20, ...shown }),
      span({ span_id: "r", parent_id: "tab1", name: "rpc state.merge", kind: "server", start: 12 }),
      span({ span_id: "l", parent_id: "tab2", start: 21, ...shown }),
      span({ span_id: "m", parent_id: "p", start: 22, ...shown }),
      span({ span_id: "n", parent_id: "tab3", start: 23, ...shown, attributes: { "syncline.publish_span_id": "not here" } }),
    ]);
    expect(outline(rows)).toEqual([
      "(publisher)",
      "  publish chat",
      "    fan_out chat",
      "    acknowledge chat",
      "    (browser)",
      "      rpc state.merge",
      "      acknowledge chat",
      "    (browser)",
      "      acknowledge chat",
      "(browser)",
      "  acknowledge chat",
    ]);
    expect(rows[0]!.numBelow).toBe(8);
  });

  it("says of an acknowledgement how long after its publication it was", () => {
    const attributes = { "syncline.publish_to_client_ms": 10.3 };
    const [lasting, moment] = spanRows(layOut([span({ span_id: "a" }), span({ span_id: "b", end: 0, attributes })]).rows);
    expect(timeLabel(moment!)).toEqual({ ms: 10.3, isAfter: true });
    expect(timeLabel(lasting!)).toEqual({ ms: 0.001, isAfter: false });
  });

  it("says by how much clocks disagree where a span began before the one that caused it, on another node", () => {
    const { rows } = layOut([
      span({ span_id: "a", start: 2_000_000 }),
      span({ span_id: "b", parent_id: "a", node: "n2", node_name: "node-2", start: 500_000 }),
      span({ span_id: "c", parent_id: "a", node: "n2", node_name: "node-2", start: 750_000 }),
      span({ span_id: "d", parent_id: "a", start: 1_000_000 }),
    ]);
    expect(spanRows(rows).map((row) => [row.span.span_id, row.skewMs])).toEqual([
      ["a", 0],
      ["b", 1.5],
      ["c", 1.25],
      ["d", 0],
    ]);
    expect(skewsOf(rows)).toEqual([{ early: "node-2", late: "node-1", atLeastMs: 1.5 }]);
  });

  it("keeps nanoseconds of today's clocks apart", () => {
    const { rows, durationMs } = layOut([span({ span_id: "a", end: 310 }), span({ span_id: "b", start: 1, end: 2 })]);
    expect(durationMs).toBeCloseTo(0.00031, 9);
    expect(spanRows(rows)[1]!.startMs).toBeCloseTo(0.000001, 9);
  });

  it("knows a span again when earlier ones have come in since", () => {
    const keyOf = (spans: Parameters<typeof layOut>[0]): string =>
      spanRows(layOut(spans).rows).find((row) => row.span.span_id === "b")!.key;
    const spans = [span({ span_id: "b", start: 500 })];
    expect(keyOf([...spans, span({ span_id: "a" }), span({ span_id: "c", start: 900 })])).toBe(keyOf(spans));
  });

  it("is empty for a trace without spans", () => {
    expect(layOut([])).toEqual({ rows: [], durationMs: 0, startNs: 0n });
  });

  it("has each span once, in a tree, whatever their parents are", () => {
    fc.assert(
      fc.property(anySpans, (spans) => {
        const { rows, durationMs } = layOut(spans);
        const shown = spanRows(rows);
        expect(new Set(shown.map((row) => row.span))).toEqual(new Set(spans));
        expect(shown.length).toBe(spans.length);
        expect(new Set(rows.map((row) => row.key)).size).toBe(rows.length);
        rows.forEach((row, index) => expect(row.depth).toBeLessThanOrEqual((rows[index - 1]?.depth ?? -1) + 1));
        rows.forEach((row, index) => {
          const below = rows.slice(index + 1).findIndex((later) => later.depth <= row.depth);
          expect(row.numBelow).toBe(below < 0 ? rows.length - index - 1 : below);
        });
        for (const row of shown) {
          expect(row.startMs).toBeGreaterThanOrEqual(0);
          expect(row.endMs).toBeGreaterThanOrEqual(row.startMs);
          expect(row.endMs).toBeLessThanOrEqual(durationMs);
        }
      }),
    );
  });

  it("does not depend on the order in which spans came in", () => {
    const shuffled = anySpans.chain((spans) =>
      fc.tuple(fc.constant(spans), fc.shuffledSubarray(spans, { minLength: spans.length })),
    );
    const unlike = (rows: readonly Row[]): unknown[] => outline(rows).map((line) => line.trim()).sort();
    fc.assert(
      fc.property(shuffled, ([spans, other]) => {
        expect(layOut(other).durationMs).toBe(layOut(spans).durationMs);
        expect(unlike(layOut(other).rows)).toEqual(unlike(layOut(spans).rows));
      }),
    );
  });
});

describe("folding", () => {
  it("hides what is below, and nothing else", () => {
    fc.assert(
      fc.property(anySpans, fc.nat(), (spans, pick) => {
        const { rows } = layOut(spans);
        const at = rows.length ? pick % rows.length : 0;
        const folded = rows[at];
        const visible = unfolded(rows, new Set(folded ? [folded.key] : []));
        expect(visible.length).toBe(rows.length - (folded?.numBelow ?? 0));
        expect(visible).toEqual(rows.filter((_, index) => index <= at || index > at + (folded?.numBelow ?? 0)));
        expect(unfolded(rows, new Set())).toEqual(rows);
      }),
    );
  });
});
