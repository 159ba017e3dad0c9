import type { Centrifuge, PublicationContext, StreamPosition, SubscribedContext, Subscription } from "centrifuge";
import type { Asked } from "./asked.js";
import type { Post } from "./host.js";
import type { ChannelOptions } from "./messages.js";

/** Tabs that come back after the host's death arrive one by one; so long the first is held back for the others. */
const gatheringMs = 50;

/**
 * One subscription for all tabs that want the channel.
 *
 * Invariant: a tab that is told `recovered` gets every publication after its position, once and in order.
 */
export class HostedChannel {
  #subscription: Subscription | null = null;
  #position: StreamPosition | null = null;
  #isSubscribed = false;
  /** The server has ended the subscription, or refused it. */
  #isRefused = false;
  #options: ChannelOptions = {};
  #resuming: ReturnType<typeof setTimeout> | undefined;
  /** By tab: up to where it has the channel; null for what has no positions, or before the first answer. */
  readonly #tabs = new Map<string, StreamPosition | null>();
  /** Where the present subscription was asked to begin. */
  #since: StreamPosition | null = null;

  constructor(
    private readonly client: Centrifuge,
    private readonly name: string,
    private readonly post: Post,
    private readonly asked: Asked,
    private readonly token: () => Promise<string>,
  ) {}

  join(tab: string, options: ChannelOptions, since: StreamPosition | null): void {
    this.#tabs.set(tab, since && { ...since });
    if (this.#isRefused) this.#end();
    if (!this.#subscription) this.#options = options;
    if (since && !this.#has(since)) this.#resumeSoon();
    else if (!this.#subscription) this.#subscribe(null);
    else if (this.#isSubscribed) this.#welcome(tab, since);
  }

  /** True when nobody is left, and the subscription has been ended. */
  leave(tab: string): boolean {
    if (!this.#tabs.delete(tab) || this.#tabs.size) return false;
    clearTimeout(this.#resuming);
    this.#end();
    return true;
  }

  /** Whether what lies after that position can be had from the present subscription, or cannot be had at all. */
  #has(since: StreamPosition): boolean {
    const position = this.#isSubscribed ? this.#position : this.#since;
    return position !== null && (position.epoch !== since.epoch || position.offset <= since.offset);
  }

  #resumeSoon(): void {
    this.#resuming ??= setTimeout(() => {
      this.#resuming = undefined;
      this.#end();
      this.#subscribe(this.#earliest());
    }, gatheringMs);
  }

  #earliest(): StreamPosition | null {
    const known = [...this.#tabs.values()].filter((position) => position !== null);
    const epoch = known[0]?.epoch;
    return known
      .filter((position) => position.epoch === epoch)
      .reduce<StreamPosition | null>((a, b) => (a && a.offset <= b.offset ? a : b), null);
  }

  #subscribe(since: StreamPosition | null): void {
    const { needsToken, ...options } = this.#options;
    const subscription = this.client.newSubscription(this.name, {
      ...options,
      ...(since ? { since } : {}),
      ...(needsToken ? { getToken: this.token } : {}),
    });
    this.#since = since;
    this.#subscription = subscription;
    subscription.on("subscribed", (context) => this.#handleSubscribed(context));
    subscription.on("subscribing", () => this.#handleSubscribing());
    subscription.on("unsubscribed", (context) => this.#handleUnsubscribed(context));
    subscription.on("publication", (context) => this.#handlePublication(context));
    subscription.on("join", ({ info }) => this.#toAll({ kind: "join", channel: this.name, info }));
    subscription.on("leave", ({ info }) => this.#toAll({ kind: "leave", channel: this.name, info }));
    subscription.on("error", () => undefined); // retried by the SDK
    subscription.subscribe();
  }

  #end(): void {
    const subscription = this.#subscription;
    this.#subscription = null;
    this.#isSubscribed = false;
    this.#isRefused = false;
    if (!subscription) return;
    subscription.removeAllListeners();
    subscription.unsubscribe();
    this.client.removeSubscription(subscription);
  }

  #handleSubscribed({ streamPosition, wasRecovering, recovered }: SubscribedContext): void {
    this.#isSubscribed = true;
    this.#position = streamPosition ?? null;
    for (const [tab, position] of this.#tabs) {
      const isRecovered = wasRecovering && recovered && this.#isCovered(position);
      this.#tell(tab, isRecovered, isRecovered ? position : this.#position);
    }
  }

  #isCovered(position: StreamPosition | null): boolean {
    if (!position || position.epoch !== this.#position?.epoch) return false;
    return !this.#since || position.offset >= this.#since.offset;
  }

  /** For a tab that comes to a channel that is subscribed already. */
  #welcome(tab: string, since: StreamPosition | null): void {
    const isRecovered = since !== null && since.epoch === this.#position?.epoch;
    this.#tell(tab, isRecovered, isRecovered ? since : this.#position);
  }

  #tell(tab: string, recovered: boolean, position: StreamPosition | null): void {
    this.#tabs.set(tab, position && { ...position });
    this.post([tab], { kind: "subscribed", channel: this.name, recovered, position });
  }

  #handleSubscribing(): void {
    this.#isSubscribed = false;
    this.#toAll({ kind: "subscribing", channel: this.name });
  }

  #handleUnsubscribed({ code, reason }: { code: number; reason: string }): void {
    this.#isSubscribed = false;
    this.#isRefused = true;
    this.#toAll({ kind: "unsubscribed", channel: this.name, code, reason });
  }

  #handlePublication({ channel, ...publication }: PublicationContext): void {
    const { offset } = publication;
    const tabs = [...this.#tabs].filter(([, position]) => isNew(position, offset)).map(([tab]) => tab);
    if (offset !== undefined) this.#moveTo(tabs, offset);
    if (!tabs.length) return;
    this.post(tabs, { kind: "publication", channel, publication: this.asked.mark(channel, publication) });
  }

  #moveTo(tabs: string[], offset: number): void {
    if (this.#position && offset > this.#position.offset) this.#position = { ...this.#position, offset };
    if (this.#since && offset > this.#since.offset) this.#since = { ...this.#since, offset };
    for (const tab of tabs) {
      const position = this.#tabs.get(tab);
      if (position) position.offset = offset;
    }
  }

  #toAll(message: Parameters<Post>[1]): void {
    if (this.#tabs.size) this.post([...this.#tabs.keys()], message);
  }
}

function isNew(position: StreamPosition | null, offset: number | undefined): boolean {
  return !position || offset === undefined || offset > position.offset;
}
