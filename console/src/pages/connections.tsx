import { useState } from "preact/hooks";
import { api } from "../api.js";
import { ReloadButton } from "../components/button.js";
import { Select, TextField } from "../components/field.js";
import { Page, Panel, Split, Toolbar } from "../components/page.js";
import { EmptyState, Loaded, SilentNodes } from "../components/states.js";
import { Table } from "../components/table.js";
import { formatListed, shorten } from "../format.js";
import { useLasting } from "../lasting.js";
import { useResource } from "../resource.js";
import { route, setQuery } from "../router.js";
import type { ConnectionsView, ConnectionView } from "../types.js";
import { useDebounced } from "../use_debounced.js";
import { columns } from "./connections/connection_columns.js";
import { ConnectionDetails } from "./connections/connection_details.js";
import { DisconnectDialog, RevokeDialog } from "./connections/ending_dialogs.js";
import { addressOf, isSearching, searchFields, searchOf, type Search, type SearchField } from "./connections/search.js";

const limit = 500;
const everyMs = 5_000;
/** What there is room for beside the details, which have the rest. */
const besideDetails: ReadonlySet<string> = new Set(["user", "client", "node", "age"]);

type Asking = { readonly about: ConnectionView; readonly what: "disconnect" | "revoke" } | null;

/** Who is connected, and to what; and how to end it. */
export function ConnectionsPage() {
  const search = searchOf(route.value.query);
  const asked = useDebounced(JSON.stringify(search));
  const resource = useLasting(useResource(asked, () => load(JSON.parse(asked) as Search), everyMs));
  const [openId, setOpenId] = useState("");
  const [asking, setAsking] = useState<Asking>(null);
  const open = resource.data?.connections.find(({ client }) => client === openId);
  return (
    <Page
      title="Connections"
      count={resource.data && formatListed(resource.data.connections.length, resource.data.total)}
      actions={<ReloadButton onClick={resource.reload} />}
    >
      <Filters search={search} />
      <Loaded resource={resource}>
        {(view) => (
          <div class="lasting" data-stale={resource.isStale}>
            <SilentNodes names={view.silent} />
            <Split
              panel={openId && <DetailsPanel connection={open} onAsk={setAsking} onClose={() => setOpenId("")} />}
            >
              <Table
                label="Connections"
                columns={openId ? columns.filter(({ key }) => besideDetails.has(key)) : columns}
                rows={view.connections}
                keyOf={({ client }) => client}
                openKey={openId}
                onOpen={({ client }) => setOpenId(client === openId ? "" : client)}
                empty={<NoConnections search={search} />}
              />
            </Split>
          </div>
        )}
      </Loaded>
      {asking?.what === "disconnect" && (
        <DisconnectDialog connection={asking.about} onDone={resource.reload} onClose={() => setAsking(null)} />
      )}
      {asking?.what === "revoke" && (
        <RevokeDialog connection={asking.about} onDone={resource.reload} onClose={() => setAsking(null)} />
      )}
    </Page>
  );
}

interface DetailsProps {
  connection: ConnectionView | undefined;
  onAsk: (asking: Asking) => void;
  onClose: () => void;
}

function DetailsPanel({ connection, onAsk, onClose }: DetailsProps) {
  if (!connection)
    return (
      <Panel title="Connection" onClose={onClose}>
        <EmptyState title="This connection has ended" />
      </Panel>
    );
  return (
    <Panel title={titleOf(connection)} onClose={onClose}>
      <ConnectionDetails
        connection={connection}
        onDisconnect={() => onAsk({ about: connection, what: "disconnect" })}
        onRevoke={() => onAsk({ about: connection, what: "revoke" })}
      />
    </Panel>
  );
}

function load({ field, text, node }: Search): Promise<ConnectionsView> {
  return api.connections({ [field]: text, node, limit });
}

function titleOf({ user, client }: ConnectionView): string {
  return user ? `Connection of ${shorten(user, 40)}` : `Connection ${shorten(client, 24)}`;
}

const fieldTexts: Record<SearchField, string> = {
  user: "User",
  session: "Session",
  device: "Device",
  client: "Client id",
};

function Filters({ search }: { search: Search }) {
  const nodes = useResource("nodes", () => api.nodes());
  const options = (nodes.data?.nodes ?? []).map(({ uid, name }): [string, string] => [uid, name]);
  const isListed = !search.node || options.some(([uid]) => uid === search.node);
  return (
    <Toolbar label="Search">
      <Select
        label="Search by"
        value={search.field}
        options={searchFields.map((field) => [field, fieldTexts[field]])}
        onPick={(field) => setQuery(addressOf({ ...search, field: field as SearchField }))}
      />
      <TextField
        label={`${fieldTexts[search.field]} begins with`}
        type="search"
        value={route.value.query.get(search.field) ?? ""}
        onText={(text) => setQuery(addressOf({ ...search, text }))}
      />
      <Select
        label="Node"
        value={search.node}
        options={[["", "All nodes"], ...options, ...(isListed ? [] : [[search.node, search.node] as const])]}
        onPick={(node) => setQuery(addressOf({ ...search, node }))}
      />
    </Toolbar>
  );
}

function NoConnections({ search }: { search: Search }) {
  if (!isSearching(search)) return <EmptyState title="Nobody is connected" />;
  return <EmptyState title="No connection matches">The whole beginning counts, with upper and lower case.</EmptyState>;
}
