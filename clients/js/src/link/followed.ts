import type { ClientInfo, StreamPosition } from "centrifuge";
import { callSafely } from "../emitter.js";
import type { Reception, Tracing } from "../traces/tracing.js";
import type { ChannelOptions, FromHost, Publication } from "./messages.js";

/** What happens on a channel. */
export interface ChannelListener {
  publication?: (publication: Publication) => void;
  /** Unless `recovered`, an unknown number of publications has been missed since the last one. */
  subscribed?: (context: { recovered: boolean; position: StreamPosition | null }) => void;
  subscribing?: (context: object) => void;
  /** For good: the server says why. */
  unsubscribed?: (context: { code: number; reason: string }) => void;
  join?: (context: { info: ClientInfo }) => void;
  leave?: (context: { info: ClientInfo }) => void;
}

/** A channel as one tab follows it: its listeners, and up to where they have it. */
export class Followed {
  position: StreamPosition | null = null;
  #isSubscribed = false;
  readonly #listeners = new Set<ChannelListener>();

  constructor(
    readonly name: string,
    /** Null for a channel that the server subscribes the connection to. */
    readonly options: ChannelOptions | null,
    private readonly tracing: Tracing,
    /** Told of each publication that the hub asks about, when the listeners have had it. */
    private readonly handleShown: (reception: Reception) => void,
  ) {}

  get isEmpty(): boolean {
    return this.#listeners.size === 0;
  }

  /** Who comes to a channel that is subscribed already is told so, as having missed what was before. */
  add(listener: ChannelListener): void {
    this.#listeners.add(listener);
    queueMicrotask(() => {
      if (!this.#isSubscribed || !this.#listeners.has(listener) || !listener.subscribed) return;
      callSafely(listener.subscribed, { recovered: false, position: this.position });
    });
  }

  remove(listener: ChannelListener): boolean {
    return this.#listeners.delete(listener);
  }

  receive(message: Extract<FromHost, { channel: string }>): void {
    switch (message.kind) {
      case "publication":
        this.#moveTo(message.publication.offset);
        return this.#show(message.publication);
      case "subscribed":
        this.#isSubscribed = true;
        this.position = message.position && { ...message.position };
        return this.#tell("subscribed", message);
      case "subscribing":
        this.#isSubscribed = false;
        return this.#tell("subscribing", message);
      case "unsubscribed":
        this.#isSubscribed = false;
        return this.#tell("unsubscribed", message);
      case "join":
      case "leave":
        return this.#tell(message.kind, message);
      case "need_token":
        return;
    }
  }

  #show(publication: Publication): void {
    if (this.isEmpty) return;
    const reception = this.tracing.receive(this.name, publication, () => this.#tell("publication", publication));
    if (reception && publication.tags?.["syncline-ack"]) this.handleShown(reception);
  }

  #moveTo(offset: number | undefined): void {
    if (this.position && offset !== undefined) this.position = { ...this.position, offset };
  }

  #tell<K extends keyof ChannelListener>(what: K, event: Parameters<NonNullable<ChannelListener[K]>>[0]): void {
    for (const listener of [...this.#listeners]) {
      const handle = listener[what] as ((event: unknown) => void) | undefined;
      if (handle) callSafely(handle, event);
    }
  }
}
