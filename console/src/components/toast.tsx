import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { IconButton } from "./button.js";
import { Icon } from "./icon.js";

type Kind = "good" | "bad";

interface Toast {
  readonly id: number;
  readonly kind: Kind;
  readonly content: ComponentChildren;
}

const shown = signal<readonly Toast[]>([]);
const lastsMs = 8_000;
const most = 4;
let lastId = 0;

/** Says what came of something. What went wrong stays until it is closed. */
export function toast(content: ComponentChildren, kind: Kind = "good"): void {
  const id = ++lastId;
  shown.value = [...shown.peek(), { id, kind, content }].slice(-most);
  if (kind === "good") setTimeout(() => close(id), lastsMs);
}

function close(id: number): void {
  shown.value = shown.peek().filter((one) => one.id !== id);
}

/** One place for all of them, so that screen readers listen to it from the beginning. */
export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {shown.value.map(({ id, kind, content }) => (
        <div key={id} class="toast" data-tone={kind}>
          <Icon name={kind === "good" ? "check" : "warning"} />
          <div class="toast-text">{content}</div>
          <IconButton icon="close" label="Dismiss" onClick={() => close(id)} />
        </div>
      ))}
    </div>
  );
}
