import { Emitter } from "../emitter.js";
import { noAnswer, SynclineError } from "../errors.js";
import { isObject, type Json } from "../json.js";
import { Tracing, type Reception } from "../traces/tracing.js";
import { Followed, type ChannelListener } from "./followed.js";
import type { Call, ChannelOptions, Failure, FromHost, LinkState, TokenAnswer } from "./messages.js";
import type { Wire } from "./wire.js";

interface LinkEvents {
  state: { state: LinkState; code: number; reason: string };
}

interface OpenCall {
  resolve: (result: unknown) => void;
  reject: (error: SynclineError) => void;
  timer: ReturnType<typeof setTimeout>;
}

/** Longer than the SDK's own, which has 5 s to wait for a connection and 5 s for an answer. */
const callTimeoutMs = 12_000;

export interface LinkOptions {
  websocketUrl: string;
  /** Whether the tab's life can be watched by its lock. */
  isLocked: boolean;
  /** Gets a token for the connection, or for a channel. */
  token: (channel: string, stale: string) => Promise<TokenAnswer>;
  tracing?: Tracing;
}

/** What one tab sees of the live connection, wherever that is held. */
export class Link extends Emitter<LinkEvents> {
  #state: LinkState = "connecting";
  #lastCallId = 0;
  #isClosed = false;
  readonly #calls = new Map<number, OpenCall>();
  readonly #channels = new Map<string, Followed>();
  readonly #tracing: Tracing;

  constructor(
    private readonly wire: Wire,
    private readonly options: LinkOptions,
  ) {
    super();
    this.#tracing = options.tracing ?? new Tracing();
  }

  get state(): LinkState {
    return this.#state;
  }

  start(): void {
    this.wire.start({ receive: (message) => this.#receive(message), reset: () => this.#attach() });
  }

  /** Connect again after a disconnect that the server meant to be final. */
  connect(): void {
    this.wire.send({ kind: "connect" });
  }

  /** Leave the host for a while; `resume` comes back to it. */
  suspend(): void {
    this.wire.send({ kind: "detach" });
  }

  resume(): void {
    this.#attach();
  }

  close(): void {
    this.#isClosed = true;
    this.wire.send({ kind: "detach" });
    this.wire.close();
    this.#failCalls("the link was closed");
    this.#setState("disconnected", 0, "closed");
  }

  /**
   * Bears the context of the span that is active now. Throws a SynclineError, which is temporary when no answer came:
   * whether it has been done is unknown then.
   */
  rpc<T>(method: string, data: Json): Promise<T> {
    return this.call({ method: "rpc", target: method, data: withParent(data, this.#tracing.outgoing()) }) as Promise<T>;
  }

  call(call: Call): Promise<unknown> {
    if (this.#isClosed) return Promise.reject(noAnswer("the link is closed"));
    const id = ++this.#lastCallId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#fail(id, noAnswer("no answer in time")), callTimeoutMs);
      this.#calls.set(id, { resolve, reject, timer });
      this.wire.send({ kind: "call", id, call });
    });
  }

  /** Listen to a channel. Tabs and listeners share one subscription, whose options are those of the first. */
  follow(name: string, listener: ChannelListener, options: ChannelOptions = {}): () => void {
    const channel = this.#channels.get(name) ?? this.#begin(name, options);
    channel.add(listener);
    return () => this.#unfollow(name, listener);
  }

  /** Listen to a channel that the server subscribes the connection to. */
  followOwn(name: string, listener: ChannelListener): () => void {
    const channel = this.#channels.get(name) ?? this.#followed(name, null);
    this.#channels.set(name, channel);
    channel.add(listener);
    return () => void channel.remove(listener);
  }

  #begin(name: string, options: ChannelOptions): Followed {
    const channel = this.#followed(name, options);
    this.#channels.set(name, channel);
    this.wire.send({ kind: "subscribe", channel: name, options, since: null });
    return channel;
  }

  #followed(channel: string, options: ChannelOptions | null): Followed {
    const handleShown = (reception: Reception): void => this.wire.send({ kind: "shown", channel, ...reception });
    return new Followed(channel, options, this.#tracing, handleShown);
  }

  #unfollow(name: string, listener: ChannelListener): void {
    const channel = this.#channels.get(name);
    if (!channel?.remove(listener) || !channel.isEmpty) return;
    this.#channels.delete(name);
    this.wire.send({ kind: "unsubscribe", channel: name });
  }

  #attach(): void {
    if (this.#isClosed) return;
    this.#failCalls("the connection has moved");
    const { websocketUrl, isLocked } = this.options;
    this.wire.send({ kind: "attach", url: websocketUrl, isLocked });
    for (const { name, options, position } of this.#channels.values())
      if (options) this.wire.send({ kind: "subscribe", channel: name, options, since: position });
  }

  #receive(message: FromHost): void {
    if (this.#isClosed) return;
    switch (message.kind) {
      case "state":
        return this.#setState(message.state, message.code, message.reason);
      case "answer":
        return message.failure
          ? this.#fail(message.id, errorOf(message.failure))
          : this.#answer(message.id, message.result);
      case "need_token":
        return void this.#giveToken(message.id, message.channel, message.stale);
      case "hello":
        return;
      default:
        this.#channels.get(message.channel)?.receive(message);
    }
  }

  #setState(state: LinkState, code: number, reason: string): void {
    if (state === this.#state && !code) return;
    this.#state = state;
    this.emit("state", { state, code, reason });
  }

  async #giveToken(id: number, channel: string, stale: string): Promise<void> {
    const answer = await this.options.token(channel, stale);
    if (!this.#isClosed) this.wire.send({ kind: "token", id, answer });
  }

  #answer(id: number, result: unknown): void {
    this.#take(id)?.resolve(result);
  }

  #fail(id: number, error: SynclineError): void {
    this.#take(id)?.reject(error);
  }

  #failCalls(detail: string): void {
    for (const id of [...this.#calls.keys()]) this.#fail(id, noAnswer(detail));
  }

  #take(id: number): OpenCall | undefined {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    clearTimeout(call?.timer);
    return call;
  }
}

function errorOf({ code, message, temporary }: Failure): SynclineError {
  if (code < 100) return noAnswer(message);
  return temporary ? new SynclineError(code < 500 ? 503 : code, message) : new SynclineError(code, message);
}

/** What says already what it belongs to, keeps that. */
function withParent(data: Json, traceparent: string | undefined): Json {
  return traceparent && isObject(data) && !Object.hasOwn(data, "traceparent") ? { ...data, traceparent } : data;
}
