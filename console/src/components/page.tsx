import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
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

/** Details of one row, beside the list; over it where there is no room. Escape closes it. */
export function Panel({ title, onClose, children }: PanelProps) {
  const handleKey = (event: KeyboardEvent): void => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    event.stopPropagation();
    onClose();
  };
  return (
    <aside class="panel" aria-label="Details" onKeyDown={handleKey}>
      <header class="panel-head">
        <h2>{title}</h2>
        <IconButton icon="close" label="Close details" onClick={onClose} />
      </header>
      <div class="panel-body">{children}</div>
    </aside>
  );
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

/** Names and values, one pair a line. */
export function Facts({ facts }: { facts: readonly (readonly [name: string, value: ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
