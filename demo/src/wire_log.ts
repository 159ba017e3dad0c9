import { element, part } from "./part.js";
import type { WireEvent } from "./wire.js";

const maxRows = 250;

/** Longer frames are cut on screen: the log is for reading. */
const maxShownChars = 600;

const arrows: Record<WireEvent["kind"], string> = { sent: "→", received: "←", opened: "◦", closed: "×", refused: "×" };

const spokenKinds: Record<WireEvent["kind"], string> = {
  sent: "sent",
  received: "received",
  opened: "opened",
  closed: "closed",
  refused: "refused",
};

/** What both devices have sent and received: frames as they are, requests without their bodies. Newest last. */
export class WireLog {
  private readonly rows: HTMLElement;
  private readonly count: HTMLElement;
  private total = 0;

  constructor(root: ParentNode) {
    this.rows = part(root, "log-rows", HTMLOListElement);
    this.count = part(root, "log-count", HTMLSpanElement);
    part(root, "log-clear", HTMLButtonElement).addEventListener("click", () => this.rows.replaceChildren());
  }

  add(device: string, event: WireEvent): void {
    // A frame is one or more JSON objects, one a line; each is a row of its own.
    const lines = event.text.split("\n").filter((line) => line !== "");
    for (const line of lines) this.addRow(device, event.kind, line);
    this.count.textContent = String(this.total);
  }

  private addRow(device: string, kind: WireEvent["kind"], line: string): void {
    this.total += 1;
    const viewport = this.rows;
    const isFollowed = viewport.scrollHeight - viewport.scrollTop - viewport.clientHeight < 40;
    const row = element("li", "log-row");
    row.dataset["kind"] = kind;
    row.dataset["device"] = device;
    const arrow = element("span", "log-arrow", arrows[kind]);
    arrow.setAttribute("role", "img");
    arrow.setAttribute("aria-label", spokenKinds[kind]);
    row.append(
      element("span", "log-time", clockTime(new Date())),
      element("span", "log-name", device),
      arrow,
      element("code", "log-text", shown(line)),
    );
    viewport.append(row);
    while (viewport.childElementCount > maxRows) viewport.firstElementChild?.remove();
    if (isFollowed) viewport.scrollTop = viewport.scrollHeight;
  }
}

/** Tokens are shortened, so that a screenshot of the log gives none away. */
function shown(line: string): string {
  const safe = line.replace(/("(?:\w+_)?token":"[^"]{10})[^"]*"/g, '$1…"');
  const readable = safe === "{}" ? "{}  ping or pong" : safe;
  return readable.length > maxShownChars ? `${readable.slice(0, maxShownChars)}… (${line.length} characters)` : readable;
}

function clockTime(now: Date): string {
  const pad = (value: number, width: number) => String(value).padStart(width, "0");
  const time = [now.getHours(), now.getMinutes(), now.getSeconds()].map((value) => pad(value, 2)).join(":");
  return `${time}.${pad(now.getMilliseconds(), 3)}`;
}
