import { useState } from "preact/hooks";
import { api } from "../../api.js";
import { Badge } from "../../components/badge.js";
import { Button } from "../../components/button.js";
import { Check, TextField } from "../../components/field.js";
import { Page, Toolbar } from "../../components/page.js";
import { EmptyState, Loaded, SilentNodes } from "../../components/states.js";
import { Table, type Column } from "../../components/table.js";
import { Time } from "../../components/time.js";
import { formatCount, formatMs, plural } from "../../format.js";
import { useLasting } from "../../lasting.js";
import { liveTraces } from "../../live.js";
import { useResource } from "../../resource.js";
import { go, href, route, setQuery } from "../../router.js";
import type { TraceSummary, TracesView } from "../../types.js";
import { useDebounced } from "../../use_debounced.js";
import { useWatch } from "../../use_watch.js";
import { accepts, filterOf, isFiltering, type TraceFilter } from "./trace_filter.js";
import { merged } from "./trace_merging.js";

const limit = 200;
/** What comes live may lack something: a node that was silent for a moment, a summary that was left out. */
const everyMs = 15_000;

/** The last traces of all nodes, as they come. */
export function TraceList() {
  useWatch("traces");
  const [held, setHeld] = useState<readonly TraceSummary[] | null>(null);
  const filter = filterOf(route.value.query);
  const asked = useDebounced(JSON.stringify(filter));
  const load = (): Promise<TracesView> => api.traces(queryOf(JSON.parse(asked) as TraceFilter));
  const resource = useLasting(useResource(asked, load, everyMs));
  const now = merged(resource.data?.traces ?? [], liveTraces.value, limit).filter((trace) => accepts(filter, trace));
  const shown = held ?? now;
  return (
    <Page
      title="Traces"
      count={resource.data?.is_enabled ? plural(shown.length, "trace") : undefined}
      actions={<Holding held={held} now={now} onHold={setHeld} />}
    >
      <Filters filter={filter} />
      <Loaded resource={resource}>
        {(view) => (
          <div class="lasting" data-stale={resource.isStale}>
            <SilentNodes names={view.silent} />
            <Table
              label="Traces"
              columns={columns}
              rows={shown}
              keyOf={({ trace_id }) => trace_id}
              onOpen={({ trace_id }) => go(href("traces", [trace_id]))}
              empty={<NoTraces view={view} filter={filter} />}
            />
          </div>
        )}
      </Loaded>
    </Page>
  );
}

function queryOf({ text, channel, errorsOnly, minMs }: TraceFilter) {
  return { text, channel, errors_only: errorsOnly, min_ms: minMs || undefined, limit };
}

interface HoldingProps {
  held: readonly TraceSummary[] | null;
  now: readonly TraceSummary[];
  onHold: (traces: readonly TraceSummary[] | null) => void;
}

/** A list that moves under one's eyes cannot be read: it can be made to stand still. */
function Holding({ held, now, onHold }: HoldingProps) {
  const known = new Set(held?.map(({ trace_id }) => trace_id));
  const numNew = held ? now.filter(({ trace_id }) => !known.has(trace_id)).length : 0;
  return (
    <>
      {numNew > 0 && <span class="muted num">{formatCount(numNew)} new since</span>}
      <Button icon={held ? "play" : "pause"} aria-pressed={held !== null} onClick={() => onHold(held ? null : now)}>
        {held ? "Resume" : "Pause"}
      </Button>
    </>
  );
}

function Filters({ filter }: { filter: TraceFilter }) {
  const { query } = route.value;
  const minMs = query.get("min_ms") ?? "";
  const isWrong = minMs !== "" && !(Number(minMs) >= 0);
  return (
    <Toolbar label="Filter">
      <TextField
        label="Text"
        type="search"
        placeholder="Trace id, name, error, node"
        value={query.get("text") ?? ""}
        onText={(text) => setQuery({ text })}
      />
      <TextField
        label="Channel"
        placeholder="Whole name"
        value={query.get("channel") ?? ""}
        onText={(channel) => setQuery({ channel })}
      />
      <TextField
        label="At least (ms)"
        value={minMs}
        error={isWrong ? "A number of milliseconds" : ""}
        onText={(min_ms) => setQuery({ min_ms })}
      />
      <Check
        label="Errors only"
        isChecked={filter.errorsOnly}
        onToggle={(isChecked) => setQuery({ errors_only: isChecked })}
      />
    </Toolbar>
  );
}

function NoTraces({ view, filter }: { view: TracesView; filter: TraceFilter }) {
  if (!view.is_enabled)
    return (
      <EmptyState title="Tracing is off">
        Nodes follow events with <code>opentelemetry.enabled = true</code>.
      </EmptyState>
    );
  if (isFiltering(filter)) return <EmptyState title="No trace matches">Nodes keep the last traces in memory only.</EmptyState>;
  return (
    <EmptyState title="No trace yet">
      A publisher that sends <code>traceparent</code> begins one, and so does a test publication in a{" "}
      <a href={href("channels")}>channel</a>. Of what else happens a share is followed.
    </EmptyState>
  );
}

const columns: readonly Column<TraceSummary>[] = [
  {
    key: "start",
    title: "Began",
    render: ({ start_ms }) => <Time ms={start_ms} form="clock" />,
    sortBy: ({ start_ms }) => start_ms,
  },
  {
    key: "name",
    title: "Name",
    isTitle: true,
    isWide: true,
    render: ({ trace_id, name }) => (
      <a class="row-link cut" href={href("traces", [trace_id])} tabIndex={-1} title={name}>
        {name}
      </a>
    ),
    sortBy: ({ name }) => name,
  },
  { key: "state", title: "Result", render: Result, sortBy: ({ error }) => error || "~" },
  {
    key: "channel",
    title: "Channel",
    isWide: true,
    render: ({ channel }) => (
      <span class="mono cut" title={channel}>
        {channel || "–"}
      </span>
    ),
    sortBy: ({ channel }) => channel,
  },
  {
    key: "duration",
    title: "Duration",
    isNumber: true,
    render: ({ duration_ms }) => formatMs(duration_ms),
    sortBy: ({ duration_ms }) => duration_ms,
  },
  {
    key: "spans",
    title: "Spans",
    isNumber: true,
    render: ({ num_spans }) => formatCount(num_spans),
    sortBy: ({ num_spans }) => num_spans,
  },
  {
    key: "acknowledged",
    title: "Acks",
    isNumber: true,
    render: ({ num_acknowledged }) => formatCount(num_acknowledged),
    sortBy: ({ num_acknowledged }) => num_acknowledged,
  },
  {
    key: "nodes",
    title: "Nodes",
    render: ({ nodes }) => (
      <span class="cut" title={nodes.join(", ")}>
        {nodes.length > 2 ? `${nodes[0]} and ${nodes.length - 1} more` : nodes.join(", ")}
      </span>
    ),
  },
];

function Result({ error, num_acknowledged }: TraceSummary) {
  if (error)
    return (
      <Badge tone="bad" title={error}>
        <span class="cut">{error}</span>
      </Badge>
    );
  return num_acknowledged ? <Badge tone="good">Seen</Badge> : <Badge>OK</Badge>;
}
