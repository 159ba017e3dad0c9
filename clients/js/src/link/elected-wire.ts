import type { Options } from "centrifuge";
import { Host } from "./host.js";
import type { Addressed, FromHost, ToHost } from "./messages.js";
import type { Wire, WireEnds } from "./wire.js";

/**
 * One tab leads: it holds the Web Lock of that name and the connection, and speaks to the others over a broadcast
 * channel. When it dies the lock goes to another tab, which connects and is told by the others what they want.
 */
export class ElectedWire implements Wire {
  readonly #bus: BroadcastChannel;
  readonly #candidacy = new AbortController();
  #host: Host | null = null;
  #ends: WireEnds | null = null;
  #resign: () => void = () => undefined;

  constructor(
    private readonly name: string,
    private readonly tab: string,
    private readonly locks: LockManager,
    openBroadcast: (name: string) => BroadcastChannel,
    private readonly options: Partial<Options>,
  ) {
    this.#bus = openBroadcast(`syncline:link:${name}`);
  }

  start(ends: WireEnds): void {
    this.#ends = ends;
    this.#bus.onmessage = ({ data }: MessageEvent<Addressed>) => this.#hear(data);
    const { signal } = this.#candidacy;
    this.locks.request(`syncline:leader:${this.name}`, { signal }, () => this.#lead()).catch(() => undefined);
    ends.reset();
  }

  send(message: ToHost): void {
    if (this.#host) this.#host.receive(this.tab, message);
    else this.#bus.postMessage({ from: this.tab, to: "host", message } satisfies Addressed);
  }

  close(): void {
    this.#ends = null;
    this.#candidacy.abort();
    this.#host?.close();
    this.#host = null;
    this.#resign();
    this.#bus.close();
  }

  #lead(): Promise<void> {
    if (!this.#ends) return Promise.resolve();
    this.#host = new Host((tabs, message) => this.#post(tabs, message), this.locks, this.options);
    this.#post("everybody", { kind: "hello" });
    this.#ends.reset();
    return new Promise((resolve) => (this.#resign = resolve));
  }

  #post(tabs: string[] | "everybody", message: FromHost): void {
    if (!this.#ends) return;
    const others = tabs === "everybody" ? tabs : tabs.filter((tab) => tab !== this.tab);
    if (others.length) this.#bus.postMessage({ from: this.tab, to: others, message } satisfies Addressed);
    if (tabs.includes(this.tab)) queueMicrotask(() => this.#ends?.receive(message));
  }

  #hear({ from, to, message }: Addressed): void {
    if (to === "host") this.#host?.receive(from, message as ToHost);
    else if (to === "everybody") this.#ends?.reset();
    else if (to.includes(this.tab)) this.#ends?.receive(message as FromHost);
  }
}
