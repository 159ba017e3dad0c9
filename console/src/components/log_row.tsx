import { brief } from "../log_tail.js";
import type { LogLine } from "../types.js";
import { href } from "../router.js";
import { CopyButton } from "./copy_button.js";
import { NodeName } from "./node_name.js";
import { Facts } from "./page.js";
import { Time } from "./time.js";

interface Props {
  line: LogLine;
  isOpen: boolean;
  isInTabOrder: boolean;
  onToggle: () => void;
  onFocus: () => void;
  onKey: (event: KeyboardEvent) => void;
}

/** One line; opened, everything that is in it. */
export function LogRow({ line, isOpen, isInTabOrder, onToggle, onFocus, onKey }: Props) {
  return (
    <li class="log-line" data-level={line.level} data-open={isOpen}>
      <button
        type="button"
        tabIndex={isInTabOrder ? 0 : -1}
        aria-expanded={isOpen}
        onClick={onToggle}
        onFocus={onFocus}
        onKeyDown={onKey}
      >
        <Time ms={line.at_ms} form="clock" />
        <span class="log-level">{line.level}</span>
        <NodeName uid={line.node} name={line.node_name} />
        <span class="log-text">
          <span class="log-event">{line.event}</span> <Summary line={line} />
        </span>
      </button>
      {isOpen && <Details line={line} />}
    </li>
  );
}

function Summary({ line: { fields } }: { line: LogLine }) {
  const told = Object.entries(fields).filter(([name]) => name !== "span_id");
  return (
    <span class="log-fields">
      {told.map(([name, value]) => (
        <span key={name}>
          <span class="muted">{name}=</span>
          {brief(value)}{" "}
        </span>
      ))}
    </span>
  );
}

function Details({ line }: { line: LogLine }) {
  const { at_ms, level, event, logger, trace_id: traceId, session, fields } = line;
  return (
    <div class="log-details">
      <CopyButton text={JSON.stringify(line, null, 2)} label="Copy the line as JSON" />
      <Facts
        facts={[
          ["Time", <Time ms={at_ms} />],
          ["Level", level],
          ["Event", event],
          ["Logger", logger],
          ...(traceId ? ([["Trace", <a href={href("traces", [traceId])}>{traceId}</a>]] as const) : []),
          ...(session ? ([["Session", <a href={href("connections", [], { session })}>{session}</a>]] as const) : []),
          ...Object.entries(fields).map(([name, value]) => [name, <span class="log-value">{value}</span>] as const),
        ]}
      />
    </div>
  );
}
