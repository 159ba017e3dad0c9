import { CopyButton } from "../../components/copy_button.js";
import { NodeName } from "../../components/node_name.js";
import { Facts } from "../../components/page.js";
import { kindTexts } from "../../components/waterfall/kind_icon.js";
import type { OutsideRow, Row, SpanRow } from "../../components/waterfall/layout.js";
import { formatMs, formatUtc } from "../../format.js";
import { href } from "../../router.js";

export function titleOf(row: Row): string {
  return row.kind === "span" ? row.span.name : `${row.label} (span ${row.spanId})`;
}

/** All that is known of one span. */
export function SpanDetails({ row }: { row: Row }) {
  return row.kind === "span" ? <Known row={row} /> : <Outside row={row} />;
}

function Known({ row: { span, startMs, endMs, skewMs } }: { row: SpanRow }) {
  const attributes = Object.entries(span.attributes).sort(([a], [b]) => a.localeCompare(b));
  return (
    <>
      {span.error && <p class="span-failure">Failed: {span.error}</p>}
      <Facts
        facts={[
          ["Kind", kindTexts[span.kind]],
          ["Node", <NodeName uid={span.node} name={span.node_name} />],
          ["Began", <StartTime startNs={span.start_ns} startMs={startMs} />],
          ["Lasted", <span class="num">{formatMs(endMs - startMs)}</span>],
          ...(skewMs > 0 ? ([["Clocks", skewText(skewMs)]] as const) : []),
          ["Span", <Id id={span.span_id} />],
          ["Parent", span.parent_id ? <Id id={span.parent_id} /> : "none: the trace begins here"],
        ]}
      />
      <h3>Attributes</h3>
      {attributes.length ? (
        <div class="attributes">
          <Facts facts={attributes.map(([name, value]) => [name, <Value name={name} value={value} />] as const)} />
        </div>
      ) : (
        <p class="hint">None</p>
      )}
      {span.links.length > 0 && (
        <>
          <h3>Links</h3>
          <ul class="span-links">
            {span.links.map((link) => (
              <li key={link}>
                <a class="mono" href={href("traces", [link])}>
                  {link}
                </a>
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}

function skewText(skewMs: number): string {
  return `It began ${formatMs(skewMs)} before the span that caused it, which was on another node: their clocks disagree by at least that.`;
}

function StartTime({ startNs, startMs }: { startNs: string; startMs: number }) {
  return (
    <span class="num" title={formatUtc(Number(BigInt(startNs) / 1_000_000n))}>
      {formatMs(startMs)} after the first span
    </span>
  );
}

function Id({ id }: { id: string }) {
  return (
    <span class="id">
      <code>{id}</code>
      <CopyButton text={id} label="Copy" />
    </span>
  );
}

function Value({ name, value }: { name: string; value: string | number | boolean }) {
  if (name === "messaging.destination.name" && typeof value === "string" && value)
    return (
      <a class="mono" href={href("channels", [value])}>
        {value}
      </a>
    );
  return <code>{String(value)}</code>;
}

const explanations: Record<OutsideRow["label"], string> = {
  publisher: "Whoever published this made the span in a process of their own, and sent its id as traceparent.",
  browser: "The page that showed the publication made the span, and sent its id with the acknowledgement.",
  caller: "Whoever called made the span in a process of their own, and sent its id as traceparent.",
};

function Outside({ row }: { row: OutsideRow }) {
  return (
    <>
      <p>{explanations[row.label]}</p>
      <p class="hint">When it began and ended is known where that process exports its spans to; the bar spans what it caused here.</p>
      <Facts facts={[["Span", <Id id={row.spanId} />]]} />
    </>
  );
}
