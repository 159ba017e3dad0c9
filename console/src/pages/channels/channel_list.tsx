import { api } from "../../api.js";
import { Button, ReloadButton } from "../../components/button.js";
import { TextField } from "../../components/field.js";
import { Page, Toolbar } from "../../components/page.js";
import { EmptyState, Loaded, SilentNodes } from "../../components/states.js";
import { Table, type Column } from "../../components/table.js";
import { formatCount, formatListed } from "../../format.js";
import { useLasting } from "../../lasting.js";
import { useResource } from "../../resource.js";
import { go, href, route, setQuery } from "../../router.js";
import type { ChannelView } from "../../types.js";
import { useDebounced } from "../../use_debounced.js";

const limit = 500;
const everyMs = 5_000;

/** The channels that somebody is subscribed to. */
export function ChannelList() {
  const pattern = route.value.query.get("pattern") ?? "";
  const asked = useDebounced(pattern.trim());
  const resource = useLasting(useResource(asked, () => api.channels({ pattern: asked, limit }), everyMs));
  return (
    <Page
      title="Channels"
      count={resource.data && formatListed(resource.data.channels.length, resource.data.total)}
      actions={<ReloadButton onClick={resource.reload} />}
    >
      <Toolbar label="Search">
        <TextField
          label="Name"
          type="search"
          placeholder="Part of a name, or a pattern: chat:*"
          value={pattern}
          onText={(text) => setQuery({ pattern: text })}
        />
        <Button disabled={!pattern.trim()} onClick={() => go(href("channels", [pattern.trim()]))}>
          Open by this name
        </Button>
      </Toolbar>
      <Loaded resource={resource}>
        {(view) => (
          <div class="lasting" data-stale={resource.isStale}>
            <SilentNodes names={view.silent} />
            <Table
              label="Channels"
              columns={columns}
              rows={view.channels}
              keyOf={({ name }) => name}
              onOpen={({ name }) => go(href("channels", [name]))}
              empty={<NoChannels pattern={asked} />}
            />
          </div>
        )}
      </Loaded>
    </Page>
  );
}

function NoChannels({ pattern }: { pattern: string }) {
  if (!pattern) return <EmptyState title="Nobody is subscribed to anything" />;
  return (
    <EmptyState title="No channel with subscribers matches">
      A channel without subscribers may have a history all the same: open it by its whole name.
    </EmptyState>
  );
}

const columns: readonly Column<ChannelView>[] = [
  {
    key: "name",
    title: "Channel",
    isTitle: true,
    isWide: true,
    render: ({ name }) => (
      <a class="row-link mono cut" href={href("channels", [name])} tabIndex={-1} title={name}>
        {name}
      </a>
    ),
    sortBy: ({ name }) => name,
  },
  {
    key: "namespace",
    title: "Namespace",
    render: ({ namespace }) => namespace || <span class="muted">none</span>,
    sortBy: ({ namespace }) => namespace,
  },
  {
    key: "clients",
    title: "Subscribers",
    isNumber: true,
    render: ({ num_clients }) => formatCount(num_clients),
    sortBy: ({ num_clients }) => num_clients,
  },
];
