import { useEffect, useMemo, useState } from "preact/hooks";
import { SynclineError } from "syncline";
import { api } from "../../api.js";
import { ReloadButton } from "../../components/button.js";
import { CopyButton } from "../../components/copy_button.js";
import { NodeName } from "../../components/node_name.js";
import { Page, Panel, Split } from "../../components/page.js";
import { Banner, EmptyState, Loaded, SilentNodes } from "../../components/states.js";
import { Time } from "../../components/time.js";
import { layOut, skewsOf, type Layout, type Row } from "../../components/waterfall/layout.js";
import { Waterfall } from "../../components/waterfall/waterfall.js";
import { formatMs, plural } from "../../format.js";
import { liveTraces } from "../../live.js";
import { useResource } from "../../resource.js";
import { href } from "../../router.js";
import type { SpanView, TraceView } from "../../types.js";
import { useWatch } from "../../use_watch.js";
import { SpanDetails, titleOf } from "./span_details.js";

/** One trace: what happened where, when, and for how long. Spans that come in later are added. */
export function TracePage({ id }: { id: string }) {
  useWatch("traces");
  const resource = useResource(id, () => api.trace(id));
  const seen = liveTraces.value.filter(({ trace_id }) => trace_id === id).map(({ num_spans }) => num_spans);
  const numSeen = seen.reduce((sum, count) => sum + count, 0);
  useEffect(() => void (numSeen > 0 && resource.reload()), [numSeen]);
  const isGone = resource.failure instanceof SynclineError && resource.failure.status === 404;
  return (
    <Page
      title={resource.data?.spans[0]?.name ?? "Trace"}
      actions={
        <>
          <a class="button" href={href("logs", [], { text: id })}>
            Logs of this trace
          </a>
          <ReloadButton onClick={resource.reload} />
        </>
      }
    >
      <p class="crumbs">
        <a href={href("traces")}>Traces</a> <span aria-hidden="true">/</span> <code class="trace-id">{id}</code>
        <CopyButton text={id} label="Copy trace id" />
      </p>
      {isGone && !resource.data ? <Gone /> : <Loaded resource={resource}>{(view) => <Spans view={view} />}</Loaded>}
    </Page>
  );
}

function Gone() {
  return (
    <EmptyState title="No node has this trace (any more)">
      Nodes keep the last traces in memory only. It may still be where they are exported to.
    </EmptyState>
  );
}

function Spans({ view }: { view: TraceView }) {
  const layout = useMemo(() => layOut(view.spans), [view]);
  const [openKey, setOpenKey] = useState("");
  const open = layout.rows.find(({ key }) => key === openKey);
  if (view.spans.length === 0) return <Gone />;
  return (
    <>
      <SilentNodes names={view.silent} />
      <Skews layout={layout} />
      <TraceFacts view={view} layout={layout} />
      <Split
        panel={
          open && (
            <Panel title={titleOf(open)} onClose={() => setOpenKey("")}>
              <SpanDetails row={open} />
            </Panel>
          )
        }
      >
        <Waterfall
          layout={layout}
          openKey={openKey}
          onOpen={(row: Row) => setOpenKey(row.key === openKey ? "" : row.key)}
          onClose={() => setOpenKey("")}
        />
      </Split>
    </>
  );
}

/** What the trace itself proves about clocks; bars are not moved to make it look better. */
function Skews({ layout }: { layout: Layout }) {
  const skews = useMemo(() => skewsOf(layout.rows), [layout]);
  if (skews.length === 0) return null;
  const sentences = skews.map(
    ({ early, late, atLeastMs }) => `${early} is at least ${formatMs(atLeastMs)} behind ${late}`,
  );
  return (
    <Banner>
      The clocks of nodes disagree: {sentences.join("; ")}. Each bar stands where the clock of its own node put it.
    </Banner>
  );
}

function TraceFacts({ view, layout }: { view: TraceView; layout: Layout }) {
  const { spans } = view;
  const acknowledged = spans.filter(({ name }) => name.startsWith("acknowledge")).length;
  const failed = spans.filter(({ error }) => error).length;
  return (
    <ul class="trace-facts" aria-label="Summary">
      <li>
        <Time ms={Number(layout.startNs / 1_000_000n)} />
      </li>
      <li class="num">{formatMs(layout.durationMs)}</li>
      <li class="num">{plural(spans.length, "span")}</li>
      <li class="num">{plural(acknowledged, "acknowledgement")}</li>
      {failed > 0 && <li class="num failed">{plural(failed, "failed span")}</li>}
      {nodesOf(spans).map(({ node, node_name }) => (
        <li key={node}>
          <NodeName uid={node} name={node_name} />
        </li>
      ))}
    </ul>
  );
}

function nodesOf(spans: readonly SpanView[]): SpanView[] {
  return [...new Map(spans.map((span) => [span.node, span])).values()];
}
