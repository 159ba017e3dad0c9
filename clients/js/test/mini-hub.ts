import type { Json } from "../src/json.js";

interface Command {
  id?: number;
  connect?: { token?: string };
  subscribe?: { channel: string; recover?: boolean; epoch?: string; offset?: number };
  unsubscribe?: { channel: string };
  rpc?: { method: string; data: Json };
  send?: { data: Json };
}

type Reply = Record<string, unknown>;
export type Rpc = (
  method: string,
  data: Json,
) => Json | { error: { code: number; message: string; temporary?: boolean } };

interface Stream {
  epoch: string;
  publications: { data: Json; offset: number; tags: Record<string, string> }[];
}

/** A hub behind WebSockets that need no network: the JSON protocol as far as the tests go, with history and recovery. */
export class MiniHub {
  readonly sockets = new Set<MiniSocket>();
  /** How many connections there have ever been. */
  connected = 0;
  rpc: Rpc = () => null;
  /** Tokens that are refused as expired. */
  readonly expired = new Set<string>();
  /** Channels that nobody may subscribe to. */
  readonly refused = new Set<string>();
  /** What clients have sent that wants no answer. */
  readonly sent: Json[] = [];
  /** Channels that every connection is subscribed to from its beginning. */
  readonly own = new Set<string>();
  readonly #streams = new Map<string, Stream>();

  /** For npm `centrifuge`, as its `websocket`: sockets are those of the tab. */
  socketClass(tab: string): unknown {
    const hub = this;
    return class extends MiniSocket {
      constructor() {
        super(hub, tab);
      }
    };
  }

  subscribers(channel: string): number {
    return [...this.sockets].filter(({ channels }) => channels.has(channel)).length;
  }

  publish(channel: string, data: Json, tags: Record<string, string> = {}): void {
    const { publications } = this.stream(channel);
    const { "syncline-ack": _live, ...kept } = tags;
    const pub = { data, offset: publications.length + 1, tags };
    publications.push({ ...pub, tags: kept });
    for (const socket of this.sockets) if (socket.channels.has(channel)) socket.push({ push: { channel, pub } });
  }

  stream(channel: string): Stream {
    const stream = this.#streams.get(channel) ?? { epoch: `epoch of ${channel}`, publications: [] };
    this.#streams.set(channel, stream);
    return stream;
  }

  /** The process behind these sockets is gone. */
  kill(tab: string): void {
    for (const socket of [...this.sockets]) if (socket.tab === tab) socket.vanish();
  }

  closeAll(code: number, reason: string): void {
    for (const socket of [...this.sockets]) socket.end(code, reason);
  }
}

class MiniSocket {
  readonly channels = new Set<string>();
  readyState = 0;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  onerror: (() => void) | null = null;
  #isGone = false;

  constructor(
    private readonly hub: MiniHub,
    readonly tab: string,
  ) {
    queueMicrotask(() => this.#open());
  }

  send(frame: string): void {
    for (const line of frame.split("\n")) {
      const command = JSON.parse(line) as Command;
      if (command.send) this.hub.sent.push(command.send.data);
      const reply = command.id ? this.#reply(command) : null;
      if (reply) this.push({ id: command.id, ...reply });
    }
  }

  close(): void {
    this.end(1000, "");
  }

  push(frame: Reply): void {
    const data = JSON.stringify(frame);
    queueMicrotask(() => this.#isGone || this.onmessage?.({ data }));
  }

  end(code: number, reason: string): void {
    if (this.#isGone) return;
    this.vanish();
    queueMicrotask(() => this.onclose?.({ code, reason }));
  }

  vanish(): void {
    this.#isGone = true;
    this.readyState = 3;
    this.hub.sockets.delete(this);
  }

  #open(): void {
    this.hub.sockets.add(this);
    this.hub.connected++;
    this.readyState = 1;
    this.onopen?.();
  }

  #reply({ connect, subscribe, unsubscribe, rpc }: Command): Reply {
    if (connect) return this.#connect(connect.token ?? "");
    if (subscribe && this.hub.refused.has(subscribe.channel))
      return { error: { code: 103, message: "permission denied" } };
    if (subscribe) return { subscribe: this.#subscribe(subscribe) };
    if (unsubscribe) this.channels.delete(unsubscribe.channel);
    if (!rpc) return { unsubscribe: {} };
    const answer = this.hub.rpc(rpc.method, rpc.data);
    return answer !== null && typeof answer === "object" && "error" in answer
      ? { error: answer.error }
      : { rpc: { data: answer } };
  }

  #connect(token: string): Reply {
    if (this.hub.expired.has(token)) return { error: { code: 109, message: "token expired" } };
    for (const channel of this.hub.own) this.channels.add(channel);
    const subs = Object.fromEntries([...this.hub.own].map((channel) => [channel, {}]));
    return { connect: { client: `client of ${this.tab}`, version: "mini", ping: 25, pong: true, subs } };
  }

  #subscribe({ channel, recover, epoch, offset = 0 }: NonNullable<Command["subscribe"]>): Reply {
    this.channels.add(channel);
    const stream = this.hub.stream(channel);
    const recovered = Boolean(recover) && epoch === stream.epoch;
    const publications = recovered ? stream.publications.filter((pub) => pub.offset > offset) : [];
    const position = { epoch: stream.epoch, offset: stream.publications.length };
    return {
      recoverable: true,
      positioned: true,
      ...position,
      was_recovering: Boolean(recover),
      recovered,
      publications,
    };
  }
}
