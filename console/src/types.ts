// Generated from services/operations/views.py by `python -m scripts.console_types`: edit that. Its comments say more.
import type { Json } from "syncline";

export interface NodeView {
  uid: string;
  name: string;
  version: string;
  uptime_s: number;
  num_clients: number;
  num_users: number;
  num_subs: number;
  num_channels: number;
  cpu_percent: number;
  rss_bytes: number;
  metrics: Record<string, number>;
  is_silent: boolean;
  health: Record<string, Json>;
}

export interface NodesView {
  nodes: NodeView[];
  asked: string;
}

export interface ConnectionView {
  client: string;
  user: string;
  session: string;
  device: string;
  node: string;
  node_name: string;
  transport: string;
  encoding: string;
  connected_ms: number;
  num_subscriptions: number;
  channels: string[];
  buffered_bytes: number;
}

export interface ConnectionsView {
  connections: ConnectionView[];
  total: number;
  silent: string[];
}

export interface ChannelView {
  name: string;
  namespace: string;
  num_clients: number;
}

export interface ChannelsView {
  channels: ChannelView[];
  total: number;
  silent: string[];
}

export interface MemberView {
  client: string;
  user: string;
}

export interface ChannelDetailView {
  name: string;
  namespace: string;
  num_clients: number;
  options: Record<string, Json>;
  members: MemberView[] | null;
  num_members: number;
  offset: number | null;
  epoch: string;
  silent: string[];
}

export interface PublicationView {
  data: Json;
  offset?: number;
  tags?: Record<string, string>;
  user?: string;
  client?: string;
}

export interface HistoryView {
  publications: PublicationView[];
  offset: number;
  epoch: string;
}

export interface PublishedView {
  offset?: number;
  epoch?: string;
  trace_id?: string;
}

export interface RelayView {
  name: string;
  kind: "rabbitmq" | "redis_stream" | "redis_pubsub" | "http" | "outbox" | "sink";
  node: string;
  node_name: string;
  is_attached: boolean;
  age_s: number;
  detail: string;
  measures: Record<string, number>;
  has_dead_letters: boolean;
}

export interface RelaysView {
  relays: RelayView[];
  silent: string[];
}

export interface DeadLetterView {
  id: string;
  reason: string;
  detail: string;
  subject: string;
  headers: Record<string, string>;
  body: string;
  is_cut: boolean;
  dead_since_ms: number;
  attempts: number;
}

export interface DeadLettersView {
  letters: DeadLetterView[];
}

export interface LettersDoneView {
  count: number;
}

export interface SpanView {
  trace_id: string;
  span_id: string;
  parent_id: string;
  name: string;
  kind: "internal" | "server" | "client" | "producer" | "consumer";
  node: string;
  node_name: string;
  start_ns: string;
  end_ns: string;
  error: string;
  attributes: Record<string, string | number | boolean>;
  links: string[];
}

export interface TraceSummary {
  trace_id: string;
  name: string;
  start_ms: number;
  duration_ms: number;
  num_spans: number;
  nodes: string[];
  channel: string;
  num_acknowledged: number;
  error: string;
}

export interface TracesView {
  traces: TraceSummary[];
  is_enabled: boolean;
  silent: string[];
}

export interface TraceView {
  trace_id: string;
  spans: SpanView[];
  silent: string[];
}

export interface LogLine {
  at_ms: number;
  level: "debug" | "info" | "warning" | "error" | "critical";
  event: string;
  logger: string;
  trace_id: string;
  session: string;
  fields: Record<string, string>;
  node: string;
  node_name: string;
}

export interface LogsView {
  lines: LogLine[];
  silent: string[];
}

export interface SettingView {
  key: string;
  value: string;
  default: string;
  source: string;
  description: string;
}

export interface SettingsView {
  settings: SettingView[];
}

export interface Overview {
  node: string;
  node_name: string;
  at_ms: number;
  num_clients: number;
  num_users: number;
  num_subs: number;
  num_channels: number;
  publications_per_s: number;
  deliveries_per_s: number;
  commands_per_s: number;
  errors_per_s: number;
  connects_per_s: number;
  disconnects_per_s: number;
  relay_accepted_per_s: number;
  relay_rejected_per_s: number;
  outbox_waiting: number;
  loop_lag_ms: number;
  cpu_percent: number;
  rss_bytes: number;
  latency_p50_ms: number | null;
  latency_p99_ms: number | null;
}

export interface LogBatch {
  lines: LogLine[];
  dropped: number;
}

export interface TraceBatch {
  traces: TraceSummary[];
}

export interface Watch {
  topics: ("overview" | "logs" | "traces")[];
}

export interface TestPublication {
  channel: string;
  data: Json;
  tags?: Record<string, string>;
}

export interface Letters {
  ids?: string[];
  everything?: boolean;
}

export interface Disconnection {
  user: string;
  client: string;
  can_reconnect?: boolean;
}
