import { spanRows, type Row } from "./layout.js";
import type { Extent } from "./waterfall_keys.js";

/** From when to when a row is drawn: a span that was made outside, around everything that it caused here. */
export function extentOf(rows: readonly Row[], row: Row): Extent {
  if (row.kind === "span") return row;
  const at = rows.findIndex(({ key }) => key === row.key);
  const below = spanRows(rows.slice(at + 1, at + 1 + row.numBelow));
  return {
    startMs: Math.min(...below.map(({ startMs }) => startMs)),
    endMs: Math.max(...below.map(({ endMs }) => endMs)),
  };
}
