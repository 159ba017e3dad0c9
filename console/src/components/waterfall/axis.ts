/** The part of a trace that is to be seen: milliseconds after its first span began. */
export interface Window {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Tick {
  readonly ms: number;
  /** Of the window's width: 0 to 1. */
  readonly at: number;
}

/** Of the whole trace: nothing is to be told apart below that. */
const mostZoom = 10_000;
const leastMs = 0.001;
const zoomStep = 2;
const panStep = 0.2;

/** A trace without any length is drawn as one of a microsecond. */
export function wholeOf(durationMs: number): Window {
  return { fromMs: 0, toMs: Math.max(durationMs, leastMs) };
}

export function zoomed(window: Window, direction: "in" | "out", whole: Window, aroundMs = middleOf(window)): Window {
  const factor = direction === "in" ? 1 / zoomStep : zoomStep;
  const least = Math.max(widthOf(whole) / mostZoom, leastMs);
  const width = Math.min(widthOf(whole), Math.max(least, widthOf(window) * factor));
  const share = (aroundMs - window.fromMs) / widthOf(window);
  return clamped({ fromMs: aroundMs - share * width, toMs: aroundMs + (1 - share) * width }, whole);
}

export function panned(window: Window, direction: "left" | "right", whole: Window): Window {
  const step = widthOf(window) * panStep * (direction === "left" ? -1 : 1);
  return clamped({ fromMs: window.fromMs + step, toMs: window.toMs + step }, whole);
}

/** So that a span fills half of the width. */
export function fittedTo(startMs: number, endMs: number, whole: Window): Window {
  const least = Math.max(widthOf(whole) / mostZoom, leastMs);
  const margin = Math.max(endMs - startMs, least) / 2;
  return clamped({ fromMs: startMs - margin, toMs: Math.max(endMs, startMs + least) + margin }, whole);
}

function clamped({ fromMs, toMs }: Window, whole: Window): Window {
  const width = Math.min(toMs - fromMs, widthOf(whole));
  const from = Math.min(Math.max(fromMs, whole.fromMs), whole.toMs - width);
  return { fromMs: from, toMs: from + width };
}

export function widthOf({ fromMs, toMs }: Window): number {
  return toMs - fromMs;
}

function middleOf({ fromMs, toMs }: Window): number {
  return (fromMs + toMs) / 2;
}

export interface Bar {
  /** Of the window's width, both 0 to 1. */
  readonly at: number;
  readonly width: number;
}

/** Where a span is drawn; null where none of it is inside. */
export function barOf(startMs: number, endMs: number, window: Window): Bar | null {
  if (endMs < window.fromMs || startMs > window.toMs) return null;
  const width = widthOf(window);
  const at = Math.max(0, (startMs - window.fromMs) / width);
  return { at, width: Math.min(1, (endMs - window.fromMs) / width) - at };
}

const roundSteps = [1, 2, 5, 10];

/** At round times, between two and `most` of them. */
export function ticksOf(window: Window, most: number): Tick[] {
  const width = widthOf(window);
  const power = 10 ** Math.floor(Math.log10(width / most));
  const step = power * (roundSteps.find((round) => width / (power * round) <= most) ?? 10);
  const first = Math.ceil(window.fromMs / step - 1e-9);
  const ticks: Tick[] = [];
  for (let index = first; index * step <= window.toMs && ticks.length <= most; index += 1)
    ticks.push({ ms: index * step, at: Math.max(0, (index * step - window.fromMs) / width) });
  return ticks;
}

/** All ticks in one unit, with as many digits as tell them apart. */
export function tickLabel(ms: number, stepMs: number): string {
  const { unit, sizeMs } = units.find(({ fromStepMs }) => stepMs >= fromStepMs) ?? units[0]!;
  const digits = Math.max(0, Math.ceil(-Math.log10(stepMs / sizeMs) - 1e-9));
  return `${(ms / sizeMs).toFixed(Math.min(digits, 6))} ${unit}`;
}

const units = [
  { unit: "s", fromStepMs: 100, sizeMs: 1_000 },
  { unit: "ms", fromStepMs: 0.1, sizeMs: 1 },
  { unit: "µs", fromStepMs: 0, sizeMs: 0.001 },
] as const;
