import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { IconButton } from "./button.js";

interface PageProps {
  title: string;
  /** Beside the title: "1,204 of 8,000". */
  count?: ComponentChildren;
  /** At the other end of the line. */
  actions?: ComponentChildren;
  children: ComponentChildren;
}

/** What every page begins with. */
export function Page({ title, count, actions, children }: PageProps) {
  useEffect(() => void (document.title = `${title} · Syncline console`), [title]);
  return (
    <>
      <header class="page-head">
        <h1 tabIndex={-1}>{title}</h1>
        {count !== undefined && <span class="page-count num">{count}</span>}
        {actions && <div class="page-actions">{actions}</div>}
      </header>
      {children}
    </>
  );
}

/** Filters of a page, in one line where there is room. */
export function Toolbar({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    <div class="toolbar" role="group" aria-label={label}>
      {children}
    </div>
  );
}

interface PanelProps {
  title: ComponentChildren;
  onClose: () => void;
  children: ComponentChildren;
}

/** Details of one row, beside the list; over it where there is no room. Escape closes it, from the list too. */
export function Panel({ title, onClose, children }: PanelProps) {
  const panel = useRef<HTMLElement>(null);
  const close = useRef(onClose);
  close.current = onClose;
  useEffect(() => {
    const handleKey = (event: KeyboardEvent): void => {
      if (event.key === "Escape" && !isTaken(event, panel.current)) close.current();
    };
    document.addEventListener("keydown", handleKey);
    return () => document.removeEventListener("keydown", handleKey);
  }, []);
  return (
    <aside class="panel" aria-label="Details" ref={panel}>
      <header class="panel-head">
        <h2>{title}</h2>
        <IconButton icon="close" label="Close details" onClick={onClose} />
      </header>
      <div class="panel-body">{children}</div>
    </aside>
  );
}

/** Escape means something else in a dialog, and in a field of the list. */
function isTaken({ defaultPrevented, target }: KeyboardEvent, panel: HTMLElement | null): boolean {
  if (defaultPrevented || document.querySelector("dialog[open]")) return true;
  const isField = target instanceof Element && target.matches("input, select, textarea");
  return isField && !panel?.contains(target);
}

/** A list with the details of one row beside it. */
export function Split({ panel, children }: { panel: ComponentChildren; children: ComponentChildren }) {
  return (
    <div class="split" data-open={Boolean(panel)}>
      <div class="split-main">{children}</div>
      {panel}
    </div>
  );
}

/** A long name may go on in the next line after each dot. */
function withBreaks(name: string): ComponentChildren {
  return name.split(/(?<=\.)/).map((part) => (
    <>
      {part}
      <wbr />
    </>
  ));
}

/** Names and values, one pair a line. */
export function Facts({ facts }: { facts: readonly (readonly [name: string, value: ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{withBreaks(name)}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
