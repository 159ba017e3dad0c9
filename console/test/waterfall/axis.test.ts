import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  barOf,
  fittedTo,
  panned,
  tickLabel,
  ticksOf,
  wholeOf,
  widthOf,
  zoomed,
  type Window,
} from "../../src/components/waterfall/axis.js";

const duration = fc.double({ min: 0, max: 1e7, noNaN: true });
const moves = fc.array(fc.constantFrom("in", "out", "left", "right"), { maxLength: 60 });

function moved(whole: Window, steps: readonly string[], aroundMs?: number): Window {
  return steps.reduce<Window>((window, step) => {
    if (step === "in" || step === "out") return zoomed(window, step, whole, aroundMs);
    return panned(window, step as "left" | "right", whole);
  }, whole);
}

function isInside(window: Window, whole: Window): void {
  const slack = widthOf(whole) * 1e-9;
  expect(window.fromMs).toBeGreaterThanOrEqual(whole.fromMs - slack);
  expect(window.toMs).toBeLessThanOrEqual(whole.toMs + slack);
  expect(widthOf(window)).toBeGreaterThan(0);
}

describe("the window", () => {
  it("stays inside the trace, however one moves", () => {
    fc.assert(
      fc.property(duration, moves, (durationMs, steps) => {
        const whole = wholeOf(durationMs);
        isInside(moved(whole, steps), whole);
      }),
    );
  });

  it("is the whole again after enough steps out", () => {
    fc.assert(
      fc.property(duration, moves, (durationMs, steps) => {
        const whole = wholeOf(durationMs);
        const back = moved(whole, [...steps, ...Array<string>(60).fill("out")]);
        expect(back.fromMs).toBeCloseTo(whole.fromMs, 6);
        expect(widthOf(back)).toBeCloseTo(widthOf(whole), 6);
      }),
    );
  });

  it("keeps what one zooms around where it is", () => {
    const window = zoomed({ fromMs: 0, toMs: 100 }, "in", { fromMs: 0, toMs: 100 }, 20);
    expect(window).toEqual({ fromMs: 10, toMs: 60 });
  });

  it("shows a span whole when fitted to it", () => {
    fc.assert(
      fc.property(duration, fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }), (durationMs, a, b) => {
        const whole = wholeOf(durationMs);
        const [startMs, endMs] = [Math.min(a, b) * durationMs, Math.max(a, b) * durationMs];
        const window = fittedTo(startMs, endMs, whole);
        isInside(window, whole);
        expect(window.fromMs).toBeLessThanOrEqual(startMs + widthOf(whole) * 1e-9);
        expect(window.toMs).toBeGreaterThanOrEqual(endMs - widthOf(whole) * 1e-9);
      }),
    );
  });
});

describe("bars", () => {
  it("are inside the picture, or not drawn", () => {
    fc.assert(
      fc.property(duration, duration, duration, moves, (durationMs, start, length, steps) => {
        const window = moved(wholeOf(durationMs), steps);
        const bar = barOf(start, start + length, window);
        if (!bar) {
          expect(start > window.toMs || start + length < window.fromMs).toBe(true);
          return;
        }
        expect(bar.at).toBeGreaterThanOrEqual(0);
        expect(bar.width).toBeGreaterThanOrEqual(-1e-9);
        expect(bar.at + bar.width).toBeLessThanOrEqual(1 + 1e-9);
      }),
    );
  });
});

describe("ticks", () => {
  it("are at round times, in order, and few", () => {
    fc.assert(
      fc.property(duration, moves, fc.integer({ min: 2, max: 12 }), (durationMs, steps, most) => {
        const window = moved(wholeOf(durationMs), steps);
        const ticks = ticksOf(window, most);
        expect(ticks.length).toBeGreaterThan(0);
        expect(ticks.length).toBeLessThanOrEqual(most + 1);
        ticks.forEach(({ at }, index) => {
          expect(at).toBeGreaterThan(ticks[index - 1]?.at ?? -1);
          expect(at).toBeLessThanOrEqual(1 + 1e-6);
        });
      }),
    );
  });

  it("are told apart by their labels", () => {
    fc.assert(
      fc.property(fc.double({ min: 0.001, max: 1e6, noNaN: true }), moves, (durationMs, steps) => {
        const ticks = ticksOf(moved(wholeOf(durationMs), steps), 6);
        const step = ticks.length > 1 ? ticks[1]!.ms - ticks[0]!.ms : durationMs;
        const labels = ticks.map(({ ms }) => tickLabel(ms, step));
        expect(new Set(labels).size).toBe(labels.length);
      }),
    );
  });

  it("have one unit that suits their distance", () => {
    expect([0, 500, 1_000].map((ms) => tickLabel(ms, 500))).toEqual(["0.0 s", "0.5 s", "1.0 s"]);
    expect([0, 0.5].map((ms) => tickLabel(ms, 0.5))).toEqual(["0.0 ms", "0.5 ms"]);
    expect([0, 0.02].map((ms) => tickLabel(ms, 0.02))).toEqual(["0 µs", "20 µs"]);
  });
});
