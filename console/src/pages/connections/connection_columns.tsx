import { Badge } from "../../components/badge.js";
import { NodeName } from "../../components/node_name.js";
import type { Column } from "../../components/table.js";
import { formatBytes, formatCount, formatDuration, formatUtc, shorten } from "../../format.js";
import { client } from "../../session.js";
import type { ConnectionView } from "../../types.js";

/** So much waits only for a client that reads too slowly. */
const slowBytes = 64 * 1_024;

export function isOwn({ session }: ConnectionView): boolean {
  return session !== "" && session === client.session?.id;
}

/** By the clocks of two machines: never less than nothing. */
export function ageS({ connected_ms }: ConnectionView): number {
  return Math.max(0, (Date.now() - connected_ms) / 1_000);
}

export const columns: readonly Column<ConnectionView>[] = [
  {
    key: "user",
    title: "User",
    isTitle: true,
    isWide: true,
    render: (connection) => (
      <span class="line" title={connection.user}>
        <span class="cut">{connection.user || <span class="muted">anonymous</span>}</span>
        {isOwn(connection) && <Badge tone="accent">This console</Badge>}
      </span>
    ),
    sortBy: ({ user }) => user,
  },
  {
    key: "client",
    title: "Client",
    render: ({ client: id }) => <Id id={id} />,
    sortBy: ({ client: id }) => id,
  },
  { key: "session", title: "Session", render: ({ session }) => <Id id={session} />, sortBy: ({ session }) => session },
  { key: "device", title: "Device", render: ({ device }) => <Id id={device} />, sortBy: ({ device }) => device },
  {
    key: "node",
    title: "Node",
    render: ({ node, node_name }) => <NodeName uid={node} name={node_name} />,
    sortBy: ({ node_name }) => node_name,
  },
  {
    key: "transport",
    title: "Transport",
    isLong: true,
    render: ({ transport, encoding }) => `${transport} ${encoding}`,
    sortBy: ({ transport, encoding }) => `${transport} ${encoding}`,
  },
  {
    key: "age",
    title: "Connected",
    isNumber: true,
    render: (connection) => <span title={formatUtc(connection.connected_ms)}>{formatDuration(ageS(connection))}</span>,
    sortBy: ageS,
  },
  {
    key: "subscriptions",
    title: "Subs",
    isNumber: true,
    render: ({ num_subscriptions }) => formatCount(num_subscriptions),
    sortBy: ({ num_subscriptions }) => num_subscriptions,
  },
  {
    key: "buffered",
    title: "Buffered",
    isNumber: true,
    render: ({ buffered_bytes }) => (
      <span class={buffered_bytes >= slowBytes ? "slow" : undefined}>{formatBytes(buffered_bytes)}</span>
    ),
    sortBy: ({ buffered_bytes }) => buffered_bytes,
  },
];

function Id({ id }: { id: string }) {
  if (!id) return <span class="muted">–</span>;
  return (
    <code title={id}>{shorten(id, 11)}</code>
  );
}
