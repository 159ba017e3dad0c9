import type { Acknowledgements } from "../traces/acknowledgements.js";
import type { Publication, ToHost } from "./messages.js";

/** Publications that no tab has shown by then never will be. */
const maxWaiting = 64;

/** Which publications the hub wants acknowledged, until a tab has shown them. The first one answers for all tabs. */
export class Asked {
  /** By publishing span and channel: when it was received. */
  readonly #waiting = new Map<string, number>();

  constructor(private readonly acks: Acknowledgements) {}

  /** Draws for the connection: what it does not acknowledge reaches the tabs without the wish. */
  mark(channel: string, publication: Publication): Publication {
    if (!publication.tags?.["syncline-ack"]) return publication;
    const asked = this.acks.draw(publication.tags);
    if (!asked) return withoutWish(publication);
    this.#waiting.set(keyOf(channel, asked.spanId), this.acks.now());
    const [oldest] = this.#waiting.keys();
    if (this.#waiting.size > maxWaiting && oldest) this.#waiting.delete(oldest);
    return publication;
  }

  handleShown({ channel, of, traceparent }: Extract<ToHost, { kind: "shown" }>): void {
    const key = keyOf(channel, of);
    const receivedMs = this.#waiting.get(key);
    if (receivedMs === undefined) return;
    this.#waiting.delete(key);
    this.acks.add({ of, traceparent, channel, receivedMs });
  }
}

function withoutWish(publication: Publication): Publication {
  const { "syncline-ack": _wish, ...tags } = publication.tags ?? {};
  return { ...publication, tags };
}

function keyOf(channel: string, of: string): string {
  return `${of} ${channel}`;
}
