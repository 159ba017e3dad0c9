import { fittedTo, panned, wholeOf, zoomed, type Window } from "./axis.js";

export interface Extent {
  readonly startMs: number;
  readonly endMs: number;
}

type Zoom = (window: Window, whole: Window, extent: Extent) => Window;

const zooms = new Map<string, Zoom>(Object.entries({
  "+": (window, whole, extent) => zoomed(window, "in", whole, inside(extent, window)),
  "=": (window, whole, extent) => zoomed(window, "in", whole, inside(extent, window)),
  "-": (window, whole, extent) => zoomed(window, "out", whole, inside(extent, window)),
  "0": (_window, whole) => whole,
  f: (_window, whole, { startMs, endMs }) => fittedTo(startMs, endMs, whole),
  "[": (window, whole) => panned(window, "left", whole),
  "]": (window, whole) => panned(window, "right", whole),
} satisfies Record<string, Zoom>));

/** What a key makes of the part of the trace that is to be seen; null for keys that mean nothing here. */
export function windowAfter(key: string, window: Window, durationMs: number, extent: Extent): Window | null {
  return zooms.get(key)?.(window, wholeOf(durationMs), extent) ?? null;
}

/** Zooming goes around the middle of what is to be seen of the span; around the middle of all where nothing is. */
function inside({ startMs, endMs }: Extent, { fromMs, toMs }: Window): number {
  const from = Math.max(startMs, fromMs);
  const to = Math.min(endMs, toMs);
  return from <= to ? (from + to) / 2 : (fromMs + toMs) / 2;
}

export const legend: readonly (readonly [keys: string, meaning: string])[] = [
  ["↑ ↓", "span"],
  ["← →", "fold, unfold"],
  ["Enter", "attributes"],
  ["+ −", "zoom"],
  ["f", "fit the span"],
  ["[ ]", "earlier, later"],
  ["0", "whole trace"],
];
