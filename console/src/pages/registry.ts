import type { FunctionComponent } from "preact";
import type { IconName } from "../components/icon.js";
import { ChannelsPage } from "./channels.js";
import { ConnectionsPage } from "./connections.js";
import { LogsPage } from "./logs.js";
import { NodesPage } from "./nodes.js";
import { OverviewPage } from "./overview.js";
import { RelaysPage } from "./relays.js";
import { SettingsPage } from "./settings.js";
import { TracesPage } from "./traces.js";

interface Entry {
  readonly name: IconName & string;
  readonly title: string;
  readonly component: FunctionComponent;
}

/** The pages, in the order of the navigation. The name is the first part of the address. */
export const pages: readonly Entry[] = [
  { name: "overview", title: "Overview", component: OverviewPage },
  { name: "connections", title: "Connections", component: ConnectionsPage },
  { name: "channels", title: "Channels", component: ChannelsPage },
  { name: "relays", title: "Relays", component: RelaysPage },
  { name: "traces", title: "Traces", component: TracesPage },
  { name: "logs", title: "Logs", component: LogsPage },
  { name: "nodes", title: "Nodes", component: NodesPage },
  { name: "settings", title: "Settings", component: SettingsPage },
];
