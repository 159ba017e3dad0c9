const pageRows = 10;

const steps: Record<string, (index: number, last: number) => number> = {
  ArrowDown: (index) => index + 1,
  ArrowUp: (index) => index - 1,
  PageDown: (index) => index + pageRows,
  PageUp: (index) => index - pageRows,
  Home: () => 0,
  End: (_index, last) => last,
};

/** Where a key leads from a row of `count`; null when it leads nowhere, which the browser may then use otherwise. */
export function nextRow(key: string, index: number, count: number): number | null {
  const step = steps[key];
  if (!step || count === 0) return null;
  return Math.min(Math.max(step(index, count - 1), 0), count - 1);
}
