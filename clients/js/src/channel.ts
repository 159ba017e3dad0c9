import type { HistoryOptions, HistoryResult, PresenceResult, PresenceStatsResult } from "centrifuge";
import { toJson } from "./json.js";
import type { ChannelListener } from "./link/followed.js";
import type { Link } from "./link/link.js";
import type { Call, ChannelOptions } from "./link/messages.js";

/** A channel on the browser's shared connection. Tabs that listen to the same one share its subscription. */
export class Channel {
  constructor(
    readonly name: string,
    private readonly link: Link,
    private readonly options: ChannelOptions,
  ) {}

  /** Returns what ends the listening. Throws nothing: a refusal arrives as `unsubscribed`. */
  subscribe(listener: ChannelListener): () => void {
    return this.link.follow(this.name, listener, this.options);
  }

  /** Throws a SynclineError, as all that follow. */
  async publish(data: unknown): Promise<void> {
    await this.#call({ method: "publish", target: this.name, data: toJson(data) });
  }

  history(options: HistoryOptions = {}): Promise<HistoryResult> {
    return this.#call({ method: "history", target: this.name, data: toJson(options) });
  }

  presence(): Promise<PresenceResult> {
    return this.#call({ method: "presence", target: this.name });
  }

  presenceStats(): Promise<PresenceStatsResult> {
    return this.#call({ method: "presenceStats", target: this.name });
  }

  #call<T>(call: Call): Promise<T> {
    return this.link.call(call) as Promise<T>;
  }
}
