import { AuthorizedHttp } from "./authorized-http.js";
import { Channel } from "./channel.js";
import { DocumentDoor } from "./document-door.js";
import { LoggedOutError } from "./errors.js";
import type { Http } from "./http.js";
import type { Json } from "./json.js";
import type { Login } from "./login.js";
import { Link } from "./link/link.js";
import type { ChannelOptions, LinkState, Publication, TokenAnswer } from "./link/messages.js";
import { livingTabs, openWire, type WireOptions } from "./link/open-wire.js";
import { ReplicaStore } from "./replica-store.js";
import type { ReplicaRecord } from "./replica.js";
import { SessionList } from "./session-list.js";
import { SharedState } from "./shared-state.js";
import type { Store } from "./store.js";
import type { Surroundings } from "./surroundings.js";
import type { Tracing } from "./traces/tracing.js";
import type { TokenKeeper } from "./token-keeper.js";

/** Gets a token for a channel that needs one. Throws when it cannot be had now; null when the user may not. */
export type ChannelToken = (channel: string) => Promise<string | null>;

/** An event of the channel `sessions:#<user>`, as the server sends it. */
export interface SessionEvent {
  type: string;
  at: number;
  sid?: string;
  did?: string;
  reason?: string;
  session?: Login["session"];
}

/** What a session needs of the client that it belongs to. */
export interface SessionSetting {
  http: Http;
  keeper: TokenKeeper;
  store: Store;
  scope: string;
  around: Surroundings;
  websocketUrl: string;
  wire: Omit<WireOptions, "name">;
  tracing: Tracing;
  handleEvent: (event: SessionEvent) => void;
  handleLink: (state: LinkState, code: number) => void;
}

/** Everything that one log-in has in this tab: the link, the documents, the list of sessions. */
export class LiveSession {
  readonly sessions: SessionList;
  readonly #http: AuthorizedHttp;
  readonly #link: Link;
  readonly #states = new Map<string, SharedState>();
  readonly #channelTokens = new Map<string, ChannelToken>();

  constructor(
    private readonly setting: SessionSetting,
    private readonly login: Login,
  ) {
    const { http, keeper, around, scope, wire, websocketUrl, tracing } = setting;
    this.#http = new AuthorizedHttp(http, keeper, login.session.id);
    this.sessions = new SessionList(this.#http);
    this.#link = new Link(openWire(around, { ...wire, name: `${scope}|${login.session.id}` }), {
      websocketUrl,
      isLocked: around.locks !== null,
      token: (channel, stale) => this.#token(channel, stale),
      tracing,
    });
    this.#link.on("state", ({ state, code }) => setting.handleLink(state, code));
    this.#link.followOwn(`sessions:#${login.user.id}`, {
      publication: (publication) => this.#handleEvent(publication),
      subscribed: () => this.sessions.refresh(),
    });
    this.#link.start();
  }

  get link(): Link {
    return this.#link;
  }

  get http(): AuthorizedHttp {
    return this.#http;
  }

  state<T>(key: string): SharedState<T> {
    const state = this.#states.get(key) ?? this.#openState(key);
    this.#states.set(key, state);
    return state as unknown as SharedState<T>;
  }

  channel(name: string, options: Omit<ChannelOptions, "needsToken">, getToken?: ChannelToken): Channel {
    if (getToken) this.#channelTokens.set(name, getToken);
    return new Channel(name, this.#link, { ...options, needsToken: getToken !== undefined });
  }

  rpc<T>(method: string, data: Json): Promise<T> {
    return this.#link.rpc(method, data);
  }

  /** Open the documents that a closed tab has left edits of, so that these get to the server. */
  async reviveQueues(): Promise<void> {
    const records = (await this.setting.store.entries(this.#prefix)) as [string, ReplicaRecord][];
    for (const [name, { queue }] of records) {
      const key = name.slice(this.#prefix.length).split("|", 1)[0];
      if (key && queue.length) this.state(decodeURIComponent(key));
    }
  }

  /** Leaves nothing of the log-in behind. */
  async end(reason: string): Promise<void> {
    await this.close(reason, true);
    await this.setting.store.deleteAll(this.#prefix);
  }

  /** Ends the tab's part in it; the log-in goes on. */
  async close(reason: string, isOver = false): Promise<void> {
    this.sessions.close();
    const closed = [...this.#states.values()].map((state) => state.close(reason, isOver));
    this.#link.close();
    await Promise.all(closed);
  }

  #openState(key: string): SharedState {
    const { store, wire, around, tracing } = this.setting;
    const { locks } = around;
    const prefix = `${this.#prefix}${encodeURIComponent(key)}|`;
    const living = locks && (() => livingTabs(locks));
    const records = new ReplicaStore(store, prefix, wire.tab, living, locks);
    const door = new DocumentDoor(this.#link, this.#http, key);
    return new SharedState(key, this.#link, `state:${key}#${this.login.user.id}`, door, records, around.now, tracing);
  }

  get #prefix(): string {
    return `${this.setting.scope}|doc|${this.login.session.id}|`;
  }

  #handleEvent({ data }: Publication): void {
    const event = data as unknown as SessionEvent;
    this.sessions.refresh();
    this.setting.handleEvent(event);
  }

  async #token(channel: string, stale: string): Promise<TokenAnswer> {
    try {
      const token = channel ? await this.#channelTokens.get(channel)?.(channel) : await this.#http.token(stale);
      return token ? { token } : "logged_out";
    } catch (error) {
      return error instanceof LoggedOutError ? "logged_out" : "later";
    }
  }
}
