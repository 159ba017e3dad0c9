import type { ComponentChildren } from "preact";
import { shortened, tokensOf } from "../json_tokens.js";
import { CopyButton } from "./copy_button.js";

/** A JSON value, indented and coloured. What is very long is cut, and says so; copying takes all of it. */
export function JsonView({ value, label = "JSON" }: { value: unknown; label?: string }) {
  const text = JSON.stringify(value, null, 2) ?? "";
  const { shown, hidden } = shortened(text);
  return (
    <div class="json">
      <CopyButton text={text} label={`Copy ${label}`} />
      <pre tabIndex={0} role="region" aria-label={label}>
        <code>{tokensOf(shown).map(coloured)}</code>
      </pre>
      {hidden > 0 && <p class="hint">{hidden} more characters</p>}
    </div>
  );
}

function coloured({ kind, text }: { kind: string; text: string }, index: number): ComponentChildren {
  return kind ? (
    <span key={index} class={`json-${kind}`}>
      {text}
    </span>
  ) : (
    text
  );
}
