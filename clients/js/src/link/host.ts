import { Centrifuge, UnauthorizedError, type Options } from "centrifuge";
import { Acknowledgements } from "../traces/acknowledgements.js";
import { Asked } from "./asked.js";
import { HostedChannel } from "./hosted-channel.js";
import { tabLock, type Call, type Failure, type FromHost, type LinkState, type ToHost } from "./messages.js";
import { TokenQuestions } from "./token-questions.js";

export type Post = (tabs: string[], message: FromHost) => void;

/** How long the connection outlives the last tab: a page that is being reloaded finds it again. */
const lingerMs = 1_000;

/**
 * Holds the one connection of a browser on behalf of its tabs: in a shared worker, in the tab that leads, or in a page
 * that is alone. Subscriptions last as long as one tab wants them.
 */
export class Host {
  #client: Centrifuge | null = null;
  #state: LinkState = "connecting";
  #lastToken = "";
  #lingering: ReturnType<typeof setTimeout> | undefined;
  /** By tab: ends the watch over its life. */
  readonly #tabs = new Map<string, AbortController>();
  readonly #channels = new Map<string, HostedChannel>();
  /** Channels that the server has subscribed the connection to. */
  readonly #ownChannels = new Set<string>();
  readonly #questions: TokenQuestions;
  readonly #acks = new Acknowledgements({
    isConnected: () => this.#state === "connected",
    send: (data) => this.#client?.send(data) ?? Promise.reject(new Error("not attached")),
  });
  readonly #asked = new Asked(this.#acks);

  constructor(
    private readonly post: Post,
    private readonly locks: LockManager | null,
    private readonly options: Partial<Options> = {},
    /** Told of each tab that has left or died. */
    private readonly forget: (tab: string) => void = () => undefined,
  ) {
    this.#questions = new TokenQuestions((tabs, message) => post(tabs, message));
  }

  receive(tab: string, message: ToHost): void {
    switch (message.kind) {
      case "attach":
        return this.#attach(tab, message.url, message.isLocked);
      case "detach":
        return this.detach(tab);
      case "connect":
        return this.#client?.connect();
      case "subscribe":
        return this.#hosted(message.channel).join(tab, message.options, message.since);
      case "unsubscribe":
        return this.#leave(tab, message.channel);
      case "call":
        return void this.#call(tab, message.id, message.call);
      case "token":
        return this.#questions.answer(message.id, message.answer);
      case "shown":
        return this.#asked.handleShown(message);
    }
  }

  detach(tab: string): void {
    this.#drop(tab);
    this.forget(tab);
    clearTimeout(this.#lingering);
    if (this.#tabs.size === 0) this.#lingering = setTimeout(() => this.close(), lingerMs);
  }

  close(): void {
    clearTimeout(this.#lingering);
    for (const watch of this.#tabs.values()) watch.abort();
    this.#tabs.clear();
    this.#channels.clear();
    this.#ownChannels.clear();
    this.#acks.close();
    this.#client?.disconnect();
    this.#client = null;
  }

  #drop(tab: string): void {
    this.#tabs.get(tab)?.abort();
    this.#tabs.delete(tab);
    for (const channel of [...this.#channels.keys()]) this.#leave(tab, channel);
    this.#questions.leave(tab);
  }

  #attach(tab: string, url: string, isLocked: boolean): void {
    this.#drop(tab);
    clearTimeout(this.#lingering);
    const watch = new AbortController();
    this.#tabs.set(tab, watch);
    if (isLocked) this.#watch(tab, watch.signal);
    if (!this.#client) this.#connect(url);
    this.post([tab], { kind: "state", state: this.#state, code: 0, reason: "" });
    for (const channel of this.#ownChannels) this.post([tab], unrecovered(channel));
  }

  /** The tab holds this lock as long as it lives. */
  #watch(tab: string, signal: AbortSignal): void {
    this.locks?.request(tabLock(tab), { signal }, () => this.detach(tab)).catch(() => undefined);
  }

  #connect(url: string): void {
    const client = new Centrifuge(url, { name: "syncline-js", ...this.options, getToken: () => this.#token("") });
    this.#client = client;
    client.on("connecting", (context) => this.#handleState("connecting", context));
    client.on("connected", () => this.#handleState("connected", { code: 0, reason: "" }));
    client.on("disconnected", (context) => this.#handleState("disconnected", context));
    client.on("error", () => undefined); // each is followed by a state, or retried
    client.on("subscribed", ({ channel, recovered, streamPosition }) => {
      this.#ownChannels.add(channel);
      this.#toAll({ kind: "subscribed", channel, recovered, position: streamPosition ?? null });
    });
    client.on("unsubscribed", ({ channel }) => void this.#ownChannels.delete(channel));
    client.on("publication", ({ channel, ...publication }) =>
      this.#toAll({ kind: "publication", channel, publication: this.#asked.mark(channel, publication) }),
    );
    client.connect();
  }

  #handleState(state: LinkState, { code, reason }: { code: number; reason: string }): void {
    this.#state = state;
    if (state !== "connected") this.#acks.lose();
    this.#toAll({ kind: "state", state, code, reason });
  }

  async #token(channel: string): Promise<string> {
    const stale = channel ? "" : this.#lastToken;
    const answer = await this.#questions.ask([...this.#tabs.keys()], channel, stale);
    if (answer === "logged_out") throw new UnauthorizedError("");
    if (answer === "later") throw new Error("no token at present");
    const { token } = answer;
    if (!channel) this.#lastToken = token;
    return token;
  }

  #hosted(channel: string): HostedChannel {
    let hosted = this.#channels.get(channel);
    if (hosted) return hosted;
    if (!this.#client) throw new Error("subscribed before it was attached");
    hosted = new HostedChannel(this.#client, channel, this.post, this.#asked, () => this.#token(channel));
    this.#channels.set(channel, hosted);
    return hosted;
  }

  #leave(tab: string, channel: string): void {
    if (this.#channels.get(channel)?.leave(tab)) this.#channels.delete(channel);
  }

  async #call(tab: string, id: number, call: Call): Promise<void> {
    try {
      this.post([tab], { kind: "answer", id, result: await this.#answer(call) });
    } catch (error) {
      this.post([tab], { kind: "answer", id, failure: failureOf(error) });
    }
  }

  async #answer({ method, target, data }: Call): Promise<unknown> {
    const client = this.#client;
    if (!client) throw new Error("not attached");
    switch (method) {
      case "rpc":
        return (await client.rpc(target, data)).data;
      case "publish":
        return client.publish(target, data);
      case "history":
        return client.history(target, data as object);
      case "presence":
        return client.presence(target);
      case "presenceStats":
        return client.presenceStats(target);
    }
  }

  #toAll(message: FromHost): void {
    if (this.#tabs.size) this.post([...this.#tabs.keys()], message);
  }
}

function unrecovered(channel: string): FromHost {
  return { kind: "subscribed", channel, recovered: false, position: null };
}

/** Codes below 100 are the SDK's own: no answer came. */
function failureOf(error: unknown): Failure {
  const { code = 0, message = String(error), temporary = false } = (error ?? {}) as Partial<Failure>;
  return { code, message, temporary: temporary || code < 100 };
}
