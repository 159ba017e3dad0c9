import { useMemo, useState } from "preact/hooks";
import { Chart } from "../components/chart.js";
import { Segments } from "../components/field.js";
import { NodeName } from "../components/node_name.js";
import { Page } from "../components/page.js";
import { EmptyState } from "../components/states.js";
import { Badge } from "../components/badge.js";
import { Table, type Column } from "../components/table.js";
import { formatBytes, formatCount, formatMs, formatRate, plural } from "../format.js";
import { overviews, overviewVersion } from "../live.js";
import { chartPlans, figures, linesOf, type ChartPlan, type View } from "../overview_charts.js";
import type { Overview } from "../types.js";

interface NodeRow {
  uid: string;
  name: string;
  isStale: boolean;
  latest: Overview;
}

/** What the hub does now, and did in the last five minutes. */
export function OverviewPage() {
  const [view, setView] = useState<View>("all");
  const version = overviewVersion.value;
  const { nodes } = overviews;
  const numLive = nodes.filter(({ isStale }) => !isStale).length;
  return (
    <Page
      title="Overview"
      count={nodes.length > 0 && countText(numLive, nodes.length - numLive)}
      actions={
        <Segments<View>
          label="Lines"
          value={view}
          options={[
            ["all", "All nodes"],
            ["each", "Each node"],
          ]}
          onPick={setView}
        />
      }
    >
      <dl class="figures">
        {figures.map(({ label, metric, fold, format, title }) => (
          <div key={label} class="figure" title={title}>
            <dt>{label}</dt>
            <dd class="num">{written(overviews.latest(metric, fold), format)}</dd>
          </div>
        ))}
      </dl>
      <div class="charts">
        {chartPlans.map((plan) => (
          <PlannedChart key={plan.title} plan={plan} view={view} version={version} />
        ))}
      </div>
      <section class="overview-nodes" aria-labelledby="overview-nodes-title">
        <h2 id="overview-nodes-title">Nodes</h2>
        <Table<NodeRow>
          label="Nodes"
          columns={columns}
          rows={nodes}
          keyOf={({ uid }) => uid}
          empty={<EmptyState title="No node has reported yet">Reports come once a second.</EmptyState>}
        />
      </section>
    </Page>
  );
}

function countText(numLive: number, numSilent: number): string {
  return plural(numLive, "node") + (numSilent > 0 ? `, ${formatCount(numSilent)} silent` : "");
}

/** Its lines change with `version` alone, not with what is pointed at. */
function PlannedChart({ plan, view, version }: { plan: ChartPlan; view: View; version: number }) {
  const seconds = useMemo(() => overviews.seconds, [version]);
  const lines = useMemo(() => linesOf(overviews, plan, view), [plan, view, version]);
  const isWorst = plan.fold === "worst" && view === "all" && overviews.nodes.length > 1;
  const { title, format, atLeast } = plan;
  return <Chart {...{ title, seconds, lines, format, atLeast }} {...(isWorst ? { note: "worst node" } : {})} />;
}

const columns: readonly Column<NodeRow>[] = [
  {
    key: "name",
    title: "Node",
    isTitle: true,
    sortBy: ({ name }) => name,
    render: ({ uid, name, isStale }) => (
      <>
        <NodeName uid={uid} name={name} /> {isStale && <Badge tone="bad">silent</Badge>}
      </>
    ),
  },
  number("Connections", (row) => row.num_clients, formatCount),
  number("Channels", (row) => row.num_channels, formatCount),
  number("Published", (row) => row.publications_per_s, (value) => `${formatRate(value)}/s`),
  number("Delivered", (row) => row.deliveries_per_s, (value) => `${formatRate(value)}/s`),
  number("Latency p99", (row) => row.latency_p99_ms, formatMs),
  number("Loop lag", (row) => row.loop_lag_ms, formatMs),
  number("CPU", (row) => row.cpu_percent, (value) => `${formatRate(Math.round(value * 10) / 10)} %`),
  number("Memory", (row) => row.rss_bytes, formatBytes),
];

function number(
  title: string,
  value: (overview: Overview) => number | null,
  format: (value: number) => string,
): Column<NodeRow> {
  return {
    key: title,
    title,
    isNumber: true,
    sortBy: ({ latest }) => value(latest),
    render: ({ latest }) => written(value(latest), format),
  };
}

function written(value: number | null, format: (value: number) => string): string {
  return value === null ? "–" : format(value);
}
