import { useRef, useState } from "preact/hooks";
import { api } from "../../api.js";
import { Badge } from "../../components/badge.js";
import { NodeName } from "../../components/node_name.js";
import { Page, Panel, Split } from "../../components/page.js";
import { EmptyState, Loaded, SilentNodes } from "../../components/states.js";
import { Table, type Column } from "../../components/table.js";
import { formatCount, formatDuration, formatRate } from "../../format.js";
import { useResource } from "../../resource.js";
import { href } from "../../router.js";
import type { RelaysView, RelayView } from "../../types.js";
import { RelayDetails } from "./relay_details.js";
import { factsOf, keyOf, kindName, ratesOf, type Facts, type Rates, type Reading } from "./relay_rates.js";

const everyMs = 5_000;
/** What there is room for beside the details, which have the rest. */
const besideDetails: ReadonlySet<string> = new Set(["name", "node", "state", "rate", "refused"]);

export interface RelayRow {
  readonly relay: RelayView;
  readonly rates: Rates;
  readonly facts: Facts;
}

/** What brings events in from other systems, and takes them out. */
export function RelayList() {
  const readings = useRef<{ before: Reading | null; last: Reading | null }>({ before: null, last: null });
  const read = async (): Promise<RelaysView> => {
    const view = await api.relays();
    readings.current = { before: readings.current.last, last: { atMs: performance.now(), relays: view.relays } };
    return view;
  };
  const resource = useResource("relays", read, everyMs);
  const [openKey, setOpenKey] = useState("");
  const { before, last } = readings.current;
  const rows = (resource.data?.relays ?? []).map((relay) => rowOf(relay, before, last));
  const open = rows.find(({ relay }) => keyOf(relay) === openKey);
  return (
    <Page title="Relays" count={resource.data && summary(resource.data.relays)}>
      <Loaded resource={resource}>
        {(view) => (
          <>
            <SilentNodes names={view.silent} />
            <Split
              panel={
                open && (
                  <Panel title={open.relay.name} onClose={() => setOpenKey("")}>
                    <RelayDetails row={open} />
                  </Panel>
                )
              }
            >
              <Table
                label="Relays"
                columns={open ? columns.filter(({ key }) => besideDetails.has(key)) : columns}
                rows={rows}
                keyOf={({ relay }) => keyOf(relay)}
                openKey={openKey}
                initialSorting={{ key: "name", isDescending: false }}
                onOpen={({ relay }) => setOpenKey(keyOf(relay) === openKey ? "" : keyOf(relay))}
                empty={<NoRelays />}
              />
            </Split>
          </>
        )}
      </Loaded>
    </Page>
  );
}

function rowOf(relay: RelayView, before: Reading | null, last: Reading | null): RelayRow {
  const rates = ratesOf(relay, before, last?.atMs ?? 0);
  return { relay, rates, facts: factsOf(relay, rates) };
}

function summary(relays: readonly RelayView[]): string {
  const away = relays.filter(({ is_attached }) => !is_attached).length;
  return away ? `${formatCount(relays.length)}, ${formatCount(away)} not attached` : formatCount(relays.length);
}

function NoRelays() {
  return (
    <EmptyState title="Nothing is relayed">
      Sources are configured as <code>consumers</code>, sinks as <code>sinks</code>; the outbox is there with a database.
    </EmptyState>
  );
}

export function StateBadge({ relay: { is_attached } }: { relay: RelayView }) {
  return <Badge tone={is_attached ? "good" : "bad"}>{is_attached ? "Attached" : "Not attached"}</Badge>;
}

const columns: readonly Column<RelayRow>[] = [
  {
    key: "name",
    title: "Name",
    isTitle: true,
    render: ({ relay: { name } }) => (
      <span class="cut strong" title={name}>
        {name}
      </span>
    ),
    sortBy: ({ relay }) => relay.name,
  },
  {
    key: "kind",
    title: "Kind",
    render: ({ relay }) => kindName(relay.kind),
    sortBy: ({ relay }) => kindName(relay.kind),
  },
  {
    key: "node",
    title: "Node",
    render: ({ relay: { node, node_name } }) => <NodeName uid={node} name={node_name} />,
    sortBy: ({ relay }) => relay.node_name,
  },
  {
    key: "state",
    title: "State",
    isLong: true,
    render: ({ relay }) => (
      <span class="line">
        <StateBadge relay={relay} />
        <span class="muted num">{formatDuration(relay.age_s)}</span>
      </span>
    ),
    sortBy: ({ relay }) => Number(relay.is_attached),
  },
  {
    key: "rate",
    title: "Events/s",
    isNumber: true,
    render: ({ facts: { throughputPerS } }) => rateText(throughputPerS),
    sortBy: ({ facts }) => facts.throughputPerS,
  },
  {
    key: "backlog",
    title: "Waiting",
    isNumber: true,
    render: ({ facts: { backlog } }) => (backlog === null ? "–" : formatCount(backlog)),
    sortBy: ({ facts }) => facts.backlog,
  },
  {
    key: "refused",
    title: "Refused",
    isNumber: true,
    render: ({ facts }) => <span class={facts.numRefused ? "refused" : undefined}>{formatCount(facts.numRefused)}</span>,
    sortBy: ({ facts }) => facts.numRefused,
  },
  {
    key: "letters",
    title: "Dead letters",
    render: ({ relay: { name, has_dead_letters } }) =>
      has_dead_letters ? (
        <a href={href("relays", [name])} tabIndex={-1}>
          Inspect
        </a>
      ) : (
        <span class="muted">–</span>
      ),
  },
  {
    key: "detail",
    title: "Detail",
    isWide: true,
    render: ({ relay: { detail } }) => (
      <span class="cut" title={detail}>
        {detail || "–"}
      </span>
    ),
  },
];

export function rateText(rate: number | null): string {
  return rate === null ? "–" : formatRate(Math.round(rate * 100) / 100);
}
