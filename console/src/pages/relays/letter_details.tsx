import { Button } from "../../components/button.js";
import { CopyButton } from "../../components/copy_button.js";
import { JsonView } from "../../components/json_view.js";
import { Facts } from "../../components/page.js";
import { Time } from "../../components/time.js";
import { formatCount } from "../../format.js";
import { href } from "../../router.js";
import { traceIdOf } from "../channels/trace_tag.js";
import { jsonBody, reasonText, type LetterRow } from "./letters.js";
import type { Asked } from "./letters_dialog.js";

interface Props {
  row: LetterRow;
  onAsk: (asked: Asked) => void;
}

/** One letter: why it is dead, and all that it says. */
export function LetterDetails({ row: { letter, numCopies }, onAsk }: Props) {
  const { id, reason, detail, subject, headers, dead_since_ms, attempts } = letter;
  const traceId = traceIdOf(headers);
  return (
    <>
      <div class="panel-actions">
        <Button onClick={() => onAsk({ what: "replay", ids: [id] })}>Replay…</Button>
        <Button onClick={() => onAsk({ what: "remove", ids: [id] })}>Remove…</Button>
      </div>
      <Facts
        facts={[
          ["Reason", <>{reason} {reasonText(reason) && <span class="muted">{reasonText(reason)}</span>}</>],
          ...(detail ? ([["Detail", detail]] as const) : []),
          ["Subject", <code>{subject || "–"}</code>],
          ["Id", <code>{id}</code>],
          ...(numCopies > 1 ? ([["Copies", `${formatCount(numCopies)}, treated as one`]] as const) : []),
          ["Dead since", dead_since_ms ? <Time ms={dead_since_ms} /> : "unknown"],
          ["Attempts", attempts ? formatCount(attempts) : "unknown"],
          ...(traceId ? ([["Trace", <a class="mono" href={href("traces", [traceId])}>{traceId}</a>]] as const) : []),
        ]}
      />
      <h3>Headers</h3>
      <Headers headers={headers} />
      <h3>Body</h3>
      <Body row={{ letter, numCopies }} />
    </>
  );
}

function Headers({ headers }: { headers: Record<string, string> }) {
  const names = Object.keys(headers).sort();
  if (names.length === 0) return <p class="hint">None</p>;
  return <Facts facts={names.map((name) => [name, <code>{headers[name]}</code>] as const)} />;
}

function Body({ row: { letter } }: { row: LetterRow }) {
  const json = jsonBody(letter);
  if (json) return <JsonView value={json.value} label="body" />;
  return (
    <div class="json">
      <CopyButton text={letter.body} label="Copy body" />
      <pre tabIndex={0} role="region" aria-label="body">
        {letter.body || <span class="muted">empty</span>}
      </pre>
      {letter.is_cut && <p class="hint">The body is longer: this is its beginning.</p>}
    </div>
  );
}
