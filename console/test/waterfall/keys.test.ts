import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { wholeOf, widthOf } from "../../src/components/waterfall/axis.js";
import { extentOf } from "../../src/components/waterfall/extent.js";
import { layOut } from "../../src/components/waterfall/layout.js";
import { windowAfter } from "../../src/components/waterfall/waterfall_keys.js";
import { anySpans, span } from "./spans.js";

const whole = wholeOf(100);
const late = { startMs: 80, endMs: 90 };

describe("the keys", () => {
  it("zoom around the span that has the focus", () => {
    expect(windowAfter("+", whole, 100, late)).toEqual({ fromMs: 42.5, toMs: 92.5 });
    expect(windowAfter("f", whole, 100, late)).toEqual({ fromMs: 75, toMs: 95 });
    expect(windowAfter("0", { fromMs: 1, toMs: 2 }, 100, late)).toEqual(whole);
    expect(windowAfter("-", whole, 100, late)).toEqual(whole);
  });

  it("go earlier and later, as far as there is something", () => {
    const window = { fromMs: 70, toMs: 90 };
    expect(windowAfter("]", window, 100, late)).toEqual({ fromMs: 74, toMs: 94 });
    expect(windowAfter("[", { fromMs: 0, toMs: 20 }, 100, late)).toEqual({ fromMs: 0, toMs: 20 });
  });

  it("mean nothing when they are others", () => {
    for (const key of ["a", "Tab", "constructor", "toString"]) expect(windowAfter(key, whole, 100, late)).toBeNull();
  });
});

describe("the extent of a row", () => {
  it("is around all that a span from outside has caused, and inside of the trace", () => {
    const { rows } = layOut([
      span({ span_id: "a", parent_id: "outside", start: 1_000_000, end: 2_000_000 }),
      span({ span_id: "b", parent_id: "a", start: 500_000, end: 5_000_000 }),
    ]);
    expect(extentOf(rows, rows[0]!)).toEqual({ startMs: 0, endMs: 4.5 });
    fc.assert(
      fc.property(anySpans, (spans) => {
        const layout = layOut(spans);
        for (const row of layout.rows) {
          const { startMs, endMs } = extentOf(layout.rows, row);
          expect(startMs).toBeGreaterThanOrEqual(0);
          expect(endMs).toBeGreaterThanOrEqual(startMs);
          expect(endMs).toBeLessThanOrEqual(layout.durationMs);
          expect(widthOf(windowAfter("f", wholeOf(layout.durationMs), layout.durationMs, { startMs, endMs })!)).toBeGreaterThan(0);
        }
      }),
    );
  });
});
