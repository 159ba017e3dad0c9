import { surroundings, type Surroundings } from "../src/surroundings.js";

type Work = (lock: Lock | null) => unknown;

interface Claim {
  name: string;
  tab: string;
  start: () => void;
}

/** Web Locks and broadcast channels of one browser, whose tabs can die. */
export class FakeBrowser {
  #held: Claim[] = [];
  #waiting: Claim[] = [];
  readonly #channels = new Set<FakeChannel>();
  /** Everything that tabs have told each other. */
  readonly messages: unknown[] = [];

  tab(name: string, fetchFunction: typeof fetch): Surroundings {
    return {
      ...surroundings(),
      fetch: fetchFunction,
      locks: this.#locks(name),
      openBroadcast: (channel) => this.#open(channel, name),
    };
  }

  /** The tab is gone, without a word. */
  kill(tab: string): void {
    for (const channel of [...this.#channels]) if (channel.tab === tab) channel.die();
    this.#waiting = this.#waiting.filter((claim) => claim.tab !== tab);
    this.#held = this.#held.filter((claim) => claim.tab !== tab);
    this.#grant();
  }

  holders(start: string): string[] {
    return this.#held.filter(({ name }) => name.startsWith(start)).map(({ tab }) => tab);
  }

  #open(name: string, tab: string): BroadcastChannel {
    const channel = new FakeChannel(name, tab, this.#channels, this.messages);
    this.#channels.add(channel);
    return channel as unknown as BroadcastChannel;
  }

  #locks(tab: string): LockManager {
    const request = (name: string, ...rest: [LockOptions, Work] | [Work]): Promise<unknown> => {
      const work = rest.at(-1) as Work;
      const { signal } = rest.length === 2 ? (rest[0] as LockOptions) : {};
      return this.#request(name, tab, work, signal);
    };
    const query = async (): Promise<object> => ({ held: this.#held.map(({ name }) => ({ name })) });
    return { request, query } as unknown as LockManager;
  }

  #request(name: string, tab: string, work: Work, signal?: AbortSignal): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const claim: Claim = { name, tab, start: () => void this.#hold(claim, work).then(resolve, reject) };
      signal?.addEventListener("abort", () => {
        if (!this.#waiting.includes(claim)) return;
        this.#waiting = this.#waiting.filter((other) => other !== claim);
        reject(signal.reason as Error);
      });
      this.#waiting.push(claim);
      this.#grant();
    });
  }

  async #hold(claim: Claim, work: Work): Promise<unknown> {
    try {
      await Promise.resolve();
      return await work({ name: claim.name, mode: "exclusive" });
    } finally {
      this.#held = this.#held.filter((other) => other !== claim);
      this.#grant();
    }
  }

  #grant(): void {
    for (const claim of [...this.#waiting]) {
      if (this.#held.some(({ name }) => name === claim.name)) continue;
      this.#waiting = this.#waiting.filter((other) => other !== claim);
      this.#held.push(claim);
      claim.start();
    }
  }
}

class FakeChannel {
  onmessage: ((event: MessageEvent) => void) | null = null;
  #isClosed = false;

  constructor(
    readonly name: string,
    readonly tab: string,
    private readonly all: Set<FakeChannel>,
    private readonly messages: unknown[],
  ) {}

  postMessage(message: unknown): void {
    if (this.#isClosed) throw new Error("the channel is closed");
    const data: unknown = structuredClone(message);
    this.messages.push(data);
    for (const other of this.all)
      if (other !== this && other.name === this.name) queueMicrotask(() => other.#receive(data));
  }

  /** Whatever its page does from now on, it does not exist. */
  die(): void {
    this.close();
    this.postMessage = () => undefined;
  }

  close(): void {
    this.#isClosed = true;
    this.all.delete(this);
  }

  #receive(data: unknown): void {
    if (!this.#isClosed) this.onmessage?.({ data } as MessageEvent);
  }
}
