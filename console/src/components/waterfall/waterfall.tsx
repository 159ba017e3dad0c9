import { useMemo, useRef, useState } from "preact/hooks";
import { nextRow } from "../../row_steps.js";
import { wholeOf, type Window } from "./axis.js";
import { AxisHead } from "./axis_head.js";
import { unfolded, type Layout, type Row } from "./layout.js";
import { SpanLine } from "./span_line.js";
import { extentOf } from "./extent.js";
import { windowAfter } from "./waterfall_keys.js";
import { WaterfallTools } from "./waterfall_tools.js";

interface Props {
  layout: Layout;
  /** The row whose attributes are shown beside it. */
  openKey: string;
  onOpen: (row: Row) => void;
  onClose: () => void;
}

/** The spans of one trace over their time, as a tree that the keyboard walks, folds and zooms. */
export function Waterfall({ layout, openKey, onOpen, onClose }: Props) {
  const whole = wholeOf(layout.durationMs);
  const [chosen, setChosen] = useState<Window | null>(null);
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set());
  const [current, setCurrent] = useState("");
  const body = useRef<HTMLDivElement>(null);
  const rows = useMemo(() => unfolded(layout.rows, folded), [layout, folded]);
  const window = chosen ?? whole;
  const tabKey = rows.some(({ key }) => key === current) ? current : (rows[0]?.key ?? "");

  const fold = (row: Row, isFolded: boolean): void => {
    const next = new Set(folded);
    if (isFolded) next.add(row.key);
    else next.delete(row.key);
    setFolded(next);
  };
  const focus = (index: number): void =>
    body.current?.querySelectorAll<HTMLElement>(":scope > [role=row]")[index]?.focus();
  const walk = (key: string, index: number): boolean => {
    const row = rows[index]!;
    if (key === "ArrowRight" && row.numBelow && folded.has(row.key)) fold(row, false);
    else if (key === "ArrowRight" && row.numBelow) focus(index + 1);
    else if (key === "ArrowLeft" && row.numBelow && !folded.has(row.key)) fold(row, true);
    else if (key === "ArrowLeft") focus(parentIndex(rows, index));
    else if (key === "Enter" || key === " ") onOpen(row);
    else if (key === "Escape" && openKey) onClose();
    else return false;
    return true;
  };
  const handleKey = (event: KeyboardEvent, index: number): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== event.currentTarget) return;
    const zoom = windowAfter(event.key, window, layout.durationMs, extentOf(layout.rows, rows[index]!));
    const next = nextRow(event.key, index, rows.length);
    if (zoom) setChosen(zoom);
    else if (next !== null) focus(next);
    else if (!walk(event.key, index)) return;
    event.preventDefault();
  };

  return (
    <div class="waterfall-box">
      <WaterfallTools window={window} whole={whole} isWhole={chosen === null} onPick={setChosen} />
      <div class="waterfall" role="treegrid" aria-label="Spans" aria-rowcount={rows.length + 1}>
        <AxisHead window={window} onPick={setChosen} />
        <div role="rowgroup" ref={body} class="waterfall-rows">
          {rows.map((row, index) => (
            <SpanLine
              key={row.key}
              row={row}
              extent={extentOf(layout.rows, row)}
              window={window}
              isFolded={folded.has(row.key)}
              isOpen={row.key === openKey}
              tabIndex={row.key === tabKey ? 0 : -1}
              onFocus={() => setCurrent(row.key)}
              onKey={(event) => handleKey(event, index)}
              onOpen={() => onOpen(row)}
              onFold={(isFolded) => fold(row, isFolded)}
            />
          ))}
        </div>
      </div>
    </div>
  );
}

function parentIndex(rows: readonly Row[], index: number): number {
  for (let above = index - 1; above >= 0; above -= 1) if (rows[above]!.depth < rows[index]!.depth) return above;
  return index;
}
