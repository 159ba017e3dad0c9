import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { api } from "../api.js";
import { Button } from "../components/button.js";
import { Select, TextField } from "../components/field.js";
import { Page, Toolbar } from "../components/page.js";
import { EmptyState, Loaded, SilentNodes } from "../components/states.js";
import { LogRow } from "../components/log_row.js";
import { formatCount, plural } from "../format.js";
import { droppedLines, liveLines, overviews, overviewVersion } from "../live.js";
import { accepts, identity, levels, merged, type Level, type LogFilter } from "../log_tail.js";
import { useResource } from "../resource.js";
import { nextRow } from "../row_steps.js";
import { route, setQuery } from "../router.js";
import type { LogLine } from "../types.js";
import { useDebounced } from "../use_debounced.js";
import { useWatch } from "../use_watch.js";

const askedLines = 500;
const shownLines = 1_000;
/** This close to the end counts as being there: the list then follows what comes in. */
const endPx = 24;

/** What the nodes write, as they write it. Paused, or scrolled back, it stands still and counts what comes in. */
export function LogsPage() {
  useWatch("logs");
  const filter = useFilter();
  const asked = useDebounced(filter);
  const resource = useResource(JSON.stringify(asked), () => api.logs({ ...asked, limit: askedLines }));
  const [paused, setPaused] = useState<readonly LogLine[] | null>(null);
  const live = liveLines.value;
  const lines = useMemo(
    () => merged(resource.data?.lines ?? [], paused ?? live, shownLines).filter((line) => accepts(filter, line)),
    [resource.data, paused, live, filter],
  );
  const waiting = paused ? live.filter((line) => !paused.includes(line) && accepts(filter, line)).length : 0;
  return (
    <Page
      title="Logs"
      count={resource.data && plural(lines.length, "line")}
      actions={
        <Button icon={paused ? "play" : "pause"} aria-pressed={paused !== null} onClick={() => setPaused(paused ? null : live)}>
          {paused ? `Resume${waiting ? ` (${formatCount(waiting)} new)` : ""}` : "Pause"}
        </Button>
      }
    >
      <Filters filter={filter} />
      <SilentNodes names={resource.data?.silent ?? []} />
      {droppedLines.value > 0 && (
        <p class="hint log-dropped">
          {plural(droppedLines.value, "line")} came too fast to be shown here; the nodes have written them all.
        </p>
      )}
      <Loaded resource={resource}>
        {() =>
          lines.length === 0 ? (
            <EmptyState title="No line matches">New ones appear here as they are written.</EmptyState>
          ) : (
            <Tail lines={lines} />
          )
        }
      </Loaded>
    </Page>
  );
}

function useFilter(): LogFilter {
  const { query } = route.value;
  const level = (query.get("level") ?? "info") as Level;
  const text = query.get("text") ?? "";
  const node = query.get("node") ?? "";
  return useMemo(() => ({ level: levels.includes(level) ? level : "info", text, node }), [level, text, node]);
}

function Filters({ filter }: { filter: LogFilter }) {
  const nodes = useMemo(() => overviews.nodes, [overviewVersion.value]);
  return (
    <Toolbar label="Filter lines">
      <TextField label="Text anywhere in a line" type="search" value={filter.text} onText={(text) => setQuery({ text })} />
      <Select
        label="Level"
        value={filter.level}
        options={levels.map((level) => [level, level === "critical" ? level : `${level} and worse`] as const)}
        onPick={(level) => setQuery({ level })}
      />
      <Select
        label="Node"
        value={filter.node}
        options={[["", "All"], ...nodes.map(({ uid, name }) => [uid, name] as const)]}
        onPick={(node) => setQuery({ node })}
      />
    </Toolbar>
  );
}

/** Oldest first, like a terminal: whoever is at the end stays there. */
function Tail({ lines }: { lines: readonly LogLine[] }) {
  const box = useRef<HTMLOListElement>(null);
  const [isAtEnd, setAtEnd] = useState(true);
  const [openLine, setOpenLine] = useState("");
  const [tabLine, setTabLine] = useState("");
  const keys = useMemo(() => lines.map(identity), [lines]);
  const toEnd = (): void => void box.current?.scrollTo(0, box.current.scrollHeight);
  useLayoutEffect(() => void (isAtEnd && toEnd()), [lines, isAtEnd]);
  useEffect(() => setAtEnd(true), []);

  const handleScroll = (): void => {
    const { scrollTop, scrollHeight, clientHeight } = box.current!;
    setAtEnd(scrollHeight - scrollTop - clientHeight < endPx);
  };
  const handleKey = (event: KeyboardEvent, index: number): void => {
    const next = nextRow(event.key, index, lines.length);
    if (next === null || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    box.current?.querySelectorAll<HTMLElement>(".log-line > button")[next]?.focus();
  };
  const tabKey = keys.includes(tabLine) ? tabLine : keys.at(-1);

  return (
    <div class="log-frame">
      <ol class="log-lines" ref={box} aria-label="Log lines, oldest first" onScroll={handleScroll}>
        {lines.map((line, index) => {
          const key = keys[index]!;
          return (
            <LogRow
              key={key}
              line={line}
              isOpen={key === openLine}
              isInTabOrder={key === tabKey}
              onToggle={() => setOpenLine(key === openLine ? "" : key)}
              onFocus={() => setTabLine(key)}
              onKey={(event) => handleKey(event, index)}
            />
          );
        })}
      </ol>
      {!isAtEnd && (
        <Button kind="primary" icon="down" data-part="to-end" onClick={toEnd}>
          Newest
        </Button>
      )}
    </div>
  );
}
