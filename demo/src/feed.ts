import type { Message } from "./message.js";
import { element } from "./part.js";

/** A page left open must not grow for ever. */
const maxEntries = 300;

/** How close to its end, in pixels, a feed still counts as followed. */
const followSlackPx = 48;

/** The list of what one client received, newest last, following the end unless the reader has scrolled up. */
export class Feed {
  private readonly list: HTMLElement;

  constructor(
    private readonly viewport: HTMLElement,
    private readonly ownName: string,
  ) {
    this.list = element("ol", "feed-list");
    viewport.replaceChildren(this.list);
  }

  addMessage(message: Message): void {
    const entry = element("li", "message");
    entry.dataset["side"] = message.author === this.ownName ? "own" : "other";
    entry.dataset["author"] = message.author.toLowerCase();
    entry.dataset["arrival"] = message.arrival;
    if (message.offset !== null) entry.dataset["offset"] = String(message.offset);
    const bubble = element("p", "bubble");
    bubble.append(element("span", "author", message.author), element("span", "text", message.text));
    entry.append(bubble, metaLine(message));
    this.append(entry);
  }

  addNote(text: string, tone: "plain" | "good" | "bad" = "plain"): void {
    const entry = element("li", "note", text);
    entry.dataset["tone"] = tone;
    this.append(entry);
  }

  private append(entry: HTMLElement): void {
    const { viewport, list } = this;
    const isFollowed = viewport.scrollHeight - viewport.scrollTop - viewport.clientHeight < followSlackPx;
    list.append(entry);
    while (list.childElementCount > maxEntries) list.firstElementChild?.remove();
    if (isFollowed) viewport.scrollTop = viewport.scrollHeight;
  }
}

function metaLine({ offset, latencyMs, arrival }: Message): HTMLElement {
  const line = element("p", "meta");
  if (arrival !== "live") line.append(element("span", "arrival", arrival === "history" ? "from history" : arrival));
  if (offset !== null) line.append(element("span", "", `#${offset}`));
  if (latencyMs !== null) line.append(element("span", "", `${latencyMs.toFixed(1)} ms`));
  return line;
}
