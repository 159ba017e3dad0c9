import { Button } from "../../components/button.js";
import { CopyButton } from "../../components/copy_button.js";
import { NodeName } from "../../components/node_name.js";
import { Facts } from "../../components/page.js";
import { Time } from "../../components/time.js";
import { formatBytes, formatCount, formatDuration } from "../../format.js";
import { href } from "../../router.js";
import type { ConnectionView } from "../../types.js";
import { ageS } from "./connection_columns.js";

interface Props {
  connection: ConnectionView;
  onDisconnect: () => void;
  onRevoke: () => void;
}

export function ConnectionDetails({ connection, onDisconnect, onRevoke }: Props) {
  const { client, user, session, device, node, node_name, transport, encoding, connected_ms } = connection;
  return (
    <>
      <div class="panel-actions">
        <Button onClick={onDisconnect}>Disconnect…</Button>
        <Button disabled={!session} onClick={onRevoke}>
          Revoke session…
        </Button>
      </div>
      <Facts
        facts={[
          ["User", user ? <Value text={user} by="user" /> : "anonymous"],
          ["Client", <Value text={client} />],
          ["Session", session ? <Value text={session} by="session" /> : "none: its token is not of this platform"],
          ["Device", device ? <Value text={device} by="device" /> : "none"],
          ["Node", <NodeName uid={node} name={node_name} />],
          ["Transport", `${transport}, ${encoding}`],
          [
            "Connected",
            <>
              <Time ms={connected_ms} /> ({formatDuration(ageS(connection))})
            </>,
          ],
          ["Buffered", <span class="num">{formatBytes(connection.buffered_bytes)}</span>],
        ]}
      />
      <Subscriptions connection={connection} />
    </>
  );
}

/** What one may want to copy, or to see all the connections of. */
function Value({ text, by }: { text: string; by?: "user" | "session" | "device" }) {
  return (
    <span class="id">
      {by ? (
        <a class="mono" href={href("connections", [], { [by]: text })} title={`All connections of this ${by}`}>
          {text}
        </a>
      ) : (
        <code>{text}</code>
      )}
      <CopyButton text={text} label="Copy" />
    </span>
  );
}

function Subscriptions({ connection: { channels, num_subscriptions } }: { connection: ConnectionView }) {
  const rest = num_subscriptions - channels.length;
  return (
    <>
      <h3>
        Subscriptions <span class="muted num">{formatCount(num_subscriptions)}</span>
      </h3>
      {num_subscriptions === 0 && <p class="hint">None</p>}
      <ul class="channel-links">
        {channels.map((channel) => (
          <li key={channel}>
            <a class="mono" href={href("channels", [channel])}>
              {channel}
            </a>
          </li>
        ))}
      </ul>
      {rest > 0 && <p class="hint">and {formatCount(rest)} more</p>}
    </>
  );
}
