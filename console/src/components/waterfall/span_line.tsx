import { formatMs, shorten } from "../../format.js";
import { nodeTone } from "../../node_tone.js";
import { Icon } from "../icon.js";
import { barOf, ticksOf, type Bar, type Window } from "./axis.js";
import { percent } from "./axis_head.js";
import { KindIcon } from "./kind_icon.js";
import { timeLabel, type OutsideRow, type Row, type SpanRow } from "./layout.js";
import type { Extent } from "./waterfall_keys.js";

interface Props {
  row: Row;
  extent: Extent;
  window: Window;
  isFolded: boolean;
  isOpen: boolean;
  tabIndex: number;
  onFocus: () => void;
  onKey: (event: KeyboardEvent) => void;
  onOpen: () => void;
  onFold: (isFolded: boolean) => void;
}

/** Deeper than this nothing is indented any further: the bars need their room. */
const mostIndent = 10;
const mostTicks = 6;
/** A moment at the end of all is seen, too: `min-width` of a bar. */
const leastBar = "3px";

/** One row of a waterfall. */
export function SpanLine({ row, extent, window, isFolded, isOpen, tabIndex, onFocus, onKey, onOpen, onFold }: Props) {
  const bar = barOf(extent.startMs, extent.endMs, window);
  return (
    <div
      role="row"
      class="span-line"
      data-kind={row.kind}
      aria-level={row.depth + 1}
      aria-expanded={row.numBelow ? !isFolded : undefined}
      aria-selected={isOpen}
      tabIndex={tabIndex}
      onFocus={onFocus}
      onKeyDown={onKey}
      onClick={onOpen}
      {...(row.kind === "span" ? { "data-node": nodeTone(row.span.node) } : {})}
    >
      <div role="gridcell" class="span-name" data-depth={Math.min(row.depth, mostIndent)}>
        <Fold row={row} isFolded={isFolded} onFold={onFold} />
        {row.kind === "span" ? <SpanName row={row} /> : <OutsideName row={row} />}
      </div>
      <div role="gridcell" class="span-time">
        {ticksOf(window, mostTicks).map(({ ms, at }) => (
          <span key={ms} class="tick-line" style={{ left: percent(at) }} aria-hidden="true" />
        ))}
        {bar ? <BarLine row={row} bar={bar} /> : <Beyond extent={extent} window={window} />}
      </div>
    </div>
  );
}

function Fold({ row, isFolded, onFold }: { row: Row; isFolded: boolean; onFold: (isFolded: boolean) => void }) {
  if (!row.numBelow) return <span class="fold" />;
  const toggle = (event: Event): void => {
    event.stopPropagation();
    onFold(!isFolded);
  };
  return (
    <button
      type="button"
      class="fold"
      tabIndex={-1}
      aria-label={isFolded ? `Unfold ${row.numBelow}` : "Fold"}
      data-folded={isFolded}
      onClick={toggle}
    >
      <Icon name="right" />
    </button>
  );
}

function SpanName({ row: { span, skewMs } }: { row: SpanRow }) {
  return (
    <>
      <KindIcon kind={span.kind} />
      <span class="cut span-title" title={span.name}>
        {span.name}
      </span>
      {span.error && (
        <span class="span-error" title={span.error}>
          <Icon name="warning" />
          <span class="unseen">failed: {span.error}</span>
        </span>
      )}
      {skewMs > 0 && (
        <span class="span-skew" title={`Began ${formatMs(skewMs)} before its cause: the clocks of the nodes disagree`}>
          −{formatMs(skewMs)}
        </span>
      )}
      <span class="span-node" title={`${span.node_name} (${span.node})`}>
        <span class="node-dot" aria-hidden="true" />
        <span class="cut">{span.node_name || span.node}</span>
      </span>
    </>
  );
}

function OutsideName({ row: { label, spanId } }: { row: OutsideRow }) {
  return (
    <>
      <KindIcon kind="outside" />
      <span class="cut span-title" title={`Span ${spanId} was made outside of Syncline`}>
        {label} <span class="mono">(span {shorten(spanId, 9)})</span>
      </span>
    </>
  );
}

function timeText(row: SpanRow): string {
  const { ms, isAfter } = timeLabel(row);
  return isAfter ? `after ${formatMs(ms)}` : formatMs(ms);
}

function BarLine({ row, bar }: { row: Row; bar: Bar }) {
  const text = row.kind === "span" ? timeText(row) : "not known";
  const isFailed = row.kind === "span" && row.span.error !== "";
  const isPlain = row.kind === "span" && !isFailed;
  const place = bar.at + bar.width < 0.8 ? "after" : bar.at > 0.2 ? "before" : "inside";
  const label = {
    after: { left: percent(bar.at + bar.width) },
    before: { right: percent(1 - bar.at) },
    inside: { left: percent(bar.at) },
  }[place];
  return (
    <>
      <span
        class="bar"
        title={row.kind === "span" ? text : "When it began and ended is known where it was made"}
        data-failed={isFailed}
        style={{ left: `min(${percent(bar.at)}, calc(100% - ${leastBar}))`, width: percent(bar.width) }}
      />
      <span class="bar-label num" data-place={place} data-plain={isPlain} style={label}>
        {text}
      </span>
    </>
  );
}

/** A span outside of what is shown: an arrow to where it is. */
function Beyond({ extent, window }: { extent: Extent; window: Window }) {
  const isEarlier = extent.endMs < window.fromMs;
  return (
    <span class="beyond" data-side={isEarlier ? "start" : "end"}>
      {isEarlier ? "← earlier" : "later →"}
    </span>
  );
}
