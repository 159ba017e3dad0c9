import type { Tone } from "./device.js";
import type { Notice } from "./notices.js";
import { element } from "./part.js";

/** A page left open must not grow for ever. */
const maxEntries = 100;

/** What has happened on one device, newest first: sentences of its own, and notices of backends. */
export class Feed {
  constructor(private readonly list: HTMLElement) {}

  addSentence(text: string, tone: Tone): void {
    const entry = element("li", "entry", text);
    entry.dataset["tone"] = tone;
    this.add(entry);
  }

  addNotice({ text, from }: Notice): void {
    const entry = element("li", "entry notice");
    entry.dataset["tone"] = "notice";
    entry.append(element("span", "from", from), element("span", "text", text));
    this.add(entry);
  }

  private add(entry: HTMLElement): void {
    this.list.prepend(entry);
    while (this.list.childElementCount > maxEntries) this.list.lastElementChild?.remove();
  }
}
