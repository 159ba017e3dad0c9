import type { ChartLine } from "./components/chart.js";
import { formatBytes, formatCompact, formatCount, formatMs, formatRate } from "./format.js";
import { nodeLabel, nodeTone } from "./node_tone.js";
import type { Fold, Metric, OverviewSeries } from "./overview_series.js";

export interface ChartPlan {
  readonly title: string;
  readonly metrics: readonly (readonly [metric: Metric, label: string])[];
  readonly fold: Fold;
  readonly format: (value: number) => string;
  readonly atLeast: number;
}

export type View = "all" | "each";

const perSecond = (value: number): string => `${formatRate(value)}/s`;
const shortCount = (value: number): string => (value < 10_000 ? formatCount(value) : formatCompact(value));
const shortRate = (value: number): string => (value < 10_000 ? perSecond(value) : `${formatCompact(value)}/s`);
const percent = (value: number): string => `${formatRate(Math.round(value * 10) / 10)} %`;

export const chartPlans: readonly ChartPlan[] = [
  { title: "Connections", metrics: [["num_clients", "open"]], fold: "sum", format: formatCount, atLeast: 4 },
  { title: "Publications", metrics: [["publications_per_s", "published"]], fold: "sum", format: perSecond, atLeast: 4 },
  { title: "Deliveries", metrics: [["deliveries_per_s", "delivered"]], fold: "sum", format: perSecond, atLeast: 4 },
  {
    title: "Publish to client",
    metrics: [
      ["latency_p50_ms", "median"],
      ["latency_p99_ms", "99th percentile"],
    ],
    fold: "worst",
    format: formatMs,
    atLeast: 4,
  },
  { title: "Event loop lag", metrics: [["loop_lag_ms", "lag"]], fold: "worst", format: formatMs, atLeast: 4 },
  { title: "CPU", metrics: [["cpu_percent", "of one core"]], fold: "worst", format: percent, atLeast: 10 },
  {
    title: "Commands",
    metrics: [
      ["commands_per_s", "commands"],
      ["errors_per_s", "errors"],
    ],
    fold: "sum",
    format: perSecond,
    atLeast: 4,
  },
  {
    title: "Coming and going",
    metrics: [
      ["connects_per_s", "connected"],
      ["disconnects_per_s", "disconnected"],
    ],
    fold: "sum",
    format: perSecond,
    atLeast: 2,
  },
  { title: "Subscriptions", metrics: [["num_subs", "open"]], fold: "sum", format: formatCount, atLeast: 4 },
  {
    title: "Relay",
    metrics: [
      ["relay_accepted_per_s", "accepted"],
      ["relay_rejected_per_s", "rejected"],
    ],
    fold: "sum",
    format: perSecond,
    atLeast: 2,
  },
  { title: "Outbox", metrics: [["outbox_waiting", "waiting"]], fold: "sum", format: formatCount, atLeast: 4 },
  { title: "Memory", metrics: [["rss_bytes", "resident"]], fold: "sum", format: formatBytes, atLeast: 64 * 1024 ** 2 },
];

/** The lines of a chart: one for each metric, or one for each node and metric. */
export function linesOf(series: OverviewSeries, { metrics, fold }: ChartPlan, view: View): ChartLine[] {
  if (view === "all")
    return metrics.map(([metric, label], index) => ({
      name: label,
      label,
      color: `--chart-${index + 1}`,
      values: series.folded(metric, fold),
    }));
  return series.nodes.flatMap(({ uid, name }) =>
    metrics.map(([metric, label], index) => ({
      name: `${name} (${uid}) ${label}`,
      label: metrics.length > 1 ? `${nodeLabel(name)} ${label}` : nodeLabel(name),
      color: `--node-${nodeTone(uid)}`,
      isDashed: index > 0,
      values: series.line(uid, metric),
    })),
  );
}

export interface Figure {
  readonly label: string;
  readonly metric: Metric;
  readonly fold: Fold;
  readonly format: (value: number) => string;
  readonly title: string;
}

/** The numbers at the top of the page. */
export const figures: readonly Figure[] = [
  { label: "Connections", metric: "num_clients", fold: "sum", format: shortCount, title: "Open now, on all nodes" },
  { label: "Users", metric: "num_users", fold: "sum", format: shortCount, title: "Connected now; who is connected to two nodes is counted twice" },
  { label: "Subscriptions", metric: "num_subs", fold: "sum", format: shortCount, title: "Open now, on all nodes" },
  { label: "Channels", metric: "num_channels", fold: "sum", format: shortCount, title: "With subscribers now; a channel on two nodes is counted twice" },
  { label: "Published", metric: "publications_per_s", fold: "sum", format: shortRate, title: "Publications a second, on all nodes" },
  { label: "Delivered", metric: "deliveries_per_s", fold: "sum", format: shortRate, title: "Publications sent to clients a second, on all nodes" },
  { label: "Errors", metric: "errors_per_s", fold: "sum", format: shortRate, title: "Commands answered with an error, a second, on all nodes" },
  { label: "Latency p99", metric: "latency_p99_ms", fold: "worst", format: formatMs, title: "Publish to client and back, of the last minute's acknowledgements, on the worst node" },
  { label: "Loop lag", metric: "loop_lag_ms", fold: "worst", format: formatMs, title: "On the worst node" },
];
