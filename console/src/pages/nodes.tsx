import { useState } from "preact/hooks";
import { api } from "../api.js";
import { Badge } from "../components/badge.js";
import { CopyButton } from "../components/copy_button.js";
import { TextField } from "../components/field.js";
import { NodeName } from "../components/node_name.js";
import { Facts, Page, Panel, Split } from "../components/page.js";
import { EmptyState, Loaded, SilentNodes } from "../components/states.js";
import { Table, type Column } from "../components/table.js";
import { formatBytes, formatCount, formatDuration, formatMs, formatRate, plural } from "../format.js";
import { checksOf, isWell } from "../health.js";
import { useResource } from "../resource.js";
import { go, href, route } from "../router.js";
import type { NodeView } from "../types.js";

const everyMs = 5_000;
/** So many are left when the details of a node need the room. */
const narrowColumns = 5;

/** The nodes of the hub, each with its health and its counters. */
export function NodesPage() {
  const resource = useResource("nodes", api.nodes, everyMs);
  const uid = route.value.path[0] ?? "";
  const nodes = resource.data?.nodes ?? [];
  const open = nodes.find((node) => node.uid === uid);
  return (
    <Page title="Nodes" count={resource.data && formatCount(nodes.length)}>
      <SilentNodes names={nodes.filter(({ is_silent }) => is_silent).map(({ name }) => name)} />
      <Split panel={open && <NodePanel node={open} asked={resource.data?.asked ?? ""} />}>
        <Loaded resource={resource}>
          {() => (
            <Table<NodeView>
              label="Nodes"
              columns={open ? columns.slice(0, narrowColumns) : columns}
              rows={nodes}
              keyOf={(node) => node.uid}
              openKey={uid}
              onOpen={(node) => go(href("nodes", [node.uid]))}
              initialSorting={{ key: "name", isDescending: false }}
              empty={<EmptyState title="No nodes" />}
            />
          )}
        </Loaded>
      </Split>
    </Page>
  );
}

const columns: readonly Column<NodeView>[] = [
  {
    key: "name",
    title: "Node",
    isTitle: true,
    sortBy: ({ name }) => name,
    render: ({ uid, name }) => <NodeName uid={uid} name={name} />,
  },
  { key: "health", title: "Health", sortBy: healthText, render: (node) => <Health node={node} /> },
  { key: "version", title: "Version", sortBy: ({ version }) => version, render: ({ version }) => version },
  number("uptime", "Up for", ({ uptime_s }) => uptime_s, formatDuration),
  number("clients", "Connections", ({ num_clients }) => num_clients, formatCount),
  number("users", "Users", ({ num_users }) => num_users, formatCount),
  number("subs", "Subscriptions", ({ num_subs }) => num_subs, formatCount),
  number("channels", "Channels", ({ num_channels }) => num_channels, formatCount),
  number("cpu", "CPU", ({ cpu_percent }) => cpu_percent, (value) => `${formatRate(Math.round(value * 10) / 10)} %`),
  number("memory", "Memory", ({ rss_bytes }) => rss_bytes, formatBytes),
];

function number(
  key: string,
  title: string,
  value: (node: NodeView) => number,
  format: (value: number) => string,
): Column<NodeView> {
  return {
    key,
    title,
    isNumber: true,
    sortBy: (node) => (node.is_silent ? null : value(node)),
    render: (node) => (node.is_silent ? "–" : format(value(node))),
  };
}

function healthText({ is_silent, health }: NodeView): string {
  if (is_silent) return "silent";
  const well = isWell(health);
  if (well === null) return "unknown";
  return well ? "ready" : "not ready";
}

const tones = { silent: "bad", unknown: "neutral", ready: "good", "not ready": "bad" } as const;

function Health({ node }: { node: NodeView }) {
  const text = healthText(node) as keyof typeof tones;
  const failed = checksOf(node.health).filter((check) => !check.isWell);
  return (
    <Badge tone={tones[text]} title={failed.map(({ name }) => name).join(", ")}>
      {text}
    </Badge>
  );
}

function NodePanel({ node, asked }: { node: NodeView; asked: string }) {
  const checks = checksOf(node.health);
  return (
    <Panel title={node.name} onClose={() => go(href("nodes"))}>
      <Facts
        facts={[
          [
            "Id",
            <>
              <code>{node.uid}</code> <CopyButton text={node.uid} label="Copy the node's id" />
            </>,
          ],
          ["Version", node.version],
          ["Up for", formatDuration(node.uptime_s)],
          ["Connections", <a href={href("connections", [], { node: node.uid })}>{plural(node.num_clients, "connection")}</a>],
          ...(node.uid === asked ? ([["Answers", "the requests of this page"]] as const) : []),
        ]}
      />
      <h3>Health</h3>
      {checks.length === 0 && <p class="hint">The node has not said how it is.</p>}
      <ul class="checks">
        {checks.map(({ name, isWell: well, ageMs, detail }) => (
          <li key={name}>
            <Badge tone={well ? "good" : "bad"}>{well ? "ok" : "failed"}</Badge>
            <span>{name}</span>
            <span class="hint num">{ageMs === null ? "" : formatMs(ageMs)}</span>
            {detail && <span class="hint check-detail">{detail}</span>}
          </li>
        ))}
      </ul>
      <h3>Counters and gauges</h3>
      <Metrics metrics={node.metrics} />
    </Panel>
  );
}

function Metrics({ metrics }: { metrics: NodeView["metrics"] }) {
  const [text, setText] = useState("");
  const all = Object.entries(metrics).sort(([a], [b]) => a.localeCompare(b));
  const shown = all.filter(([name]) => name.includes(text.trim().toLowerCase()));
  return (
    <>
      <TextField label="Filter counters" isLabelHidden type="search" placeholder="Filter" value={text} onText={setText} />
      <dl class="metrics">
        {shown.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd class="num">{formatRate(value)}</dd>
          </div>
        ))}
      </dl>
      {shown.length === 0 && <p class="hint">{all.length ? "None has a name like this." : "The node reports none."}</p>}
    </>
  );
}
