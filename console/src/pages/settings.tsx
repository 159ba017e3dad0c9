import { api } from "../api.js";
import { Badge } from "../components/badge.js";
import { Check, Select, TextField } from "../components/field.js";
import { Page, Toolbar } from "../components/page.js";
import { EmptyState, Loaded } from "../components/states.js";
import { Table, type Column } from "../components/table.js";
import { useResource } from "../resource.js";
import { route, setQuery } from "../router.js";
import { isChanged, matchesSetting, sectionOf, sourceOf, sourcesOf } from "../settings_filter.js";
import type { SettingView } from "../types.js";

/** Every option as it is in force on the node that answers, where it came from, and what it is for. */
export function SettingsPage() {
  const resource = useResource("settings", api.settings);
  const { query } = route.value;
  const filter = {
    text: query.get("text") ?? "",
    source: query.get("source") ?? "",
    isChangedOnly: query.get("changed") === "true",
  };
  const all = resource.data?.settings ?? [];
  const rows = all.filter((setting) => matchesSetting(filter, setting));
  return (
    <Page title="Settings in force" count={resource.data && `${rows.length} of ${all.length}`}>
      <Toolbar label="Filter settings">
        <TextField
          label="Name, value or description"
          type="search"
          value={filter.text}
          onText={(text) => setQuery({ text })}
        />
        <Select
          label="Source"
          value={filter.source}
          options={[["", "Any"], ...sourcesOf(all).map((source) => [source, source] as const)]}
          onPick={(source) => setQuery({ source })}
        />
        <Check
          label="Different from the default"
          isChecked={filter.isChangedOnly}
          onToggle={(changed) => setQuery({ changed })}
        />
      </Toolbar>
      <Loaded resource={resource}>
        {() => (
          <Table<SettingView>
            label="Settings in force"
            columns={columns}
            rows={rows}
            keyOf={({ key }) => key}
            empty={<EmptyState title="No option matches">Change the filter to see others.</EmptyState>}
          />
        )}
      </Loaded>
    </Page>
  );
}

const columns: readonly Column<SettingView>[] = [
  { key: "key", title: "Option", isTitle: true, sortBy: ({ key }) => key, render: (setting) => <Option setting={setting} /> },
  { key: "value", title: "Value", render: (setting) => <Value setting={setting} /> },
  {
    key: "source",
    title: "Source",
    sortBy: ({ source }) => source,
    render: (setting) => (
      <Badge tone={isChanged(setting) ? "accent" : "neutral"} title={setting.source}>
        {sourceOf(setting)}
      </Badge>
    ),
  },
  { key: "default", title: "Default", render: ({ default: text }) => <code class="setting-value muted">{text || "empty"}</code> },
];

function Option({ setting: { key, description } }: { setting: SettingView }) {
  const section = sectionOf(key);
  return (
    <div class="setting-name">
      <span>
        <span class="muted">{section}</span>
        {key.slice(section.length)}
      </span>
      <span class="hint">{description}</span>
    </div>
  );
}

function Value({ setting }: { setting: SettingView }) {
  return <code class={`setting-value ${isChanged(setting) ? "setting-changed" : ""}`}>{setting.value || "empty"}</code>;
}
