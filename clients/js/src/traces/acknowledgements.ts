import { sampledContext, type Tags, type TraceContext } from "./trace-context.js";

/** One publication that has been shown. */
interface Shown {
  /** The span that published it: what tells publications of one trace apart. */
  of: string;
  /** The span in which it was shown; without OpenTelemetry that of the publisher. */
  traceparent: string;
  channel: string;
  receivedMs: number;
}

export interface AcknowledgementData {
  syncline: { ack: (Omit<Shown, "receivedMs"> & { held_ms: number })[] };
}

/** How acknowledgements leave: over the connection on which the publications came, or not at all. */
export interface AckDoor {
  isConnected(): boolean;
  send(data: AcknowledgementData): Promise<void>;
}

const batchMs = 100;
const maxBatch = 20;
const maxPerSecond = 50;

/**
 * Tells the hub which sampled publications this connection has shown. Best effort: what cannot be sent now is dropped
 * and counted, nothing is repeated, and nothing throws.
 */
export class Acknowledgements {
  /** Of those that the hub asked for: lost with a connection, or more than 50 in a second. */
  dropped = 0;
  #waiting: Shown[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #second = 0;
  #inSecond = 0;
  readonly #page = typeof document === "undefined" ? null : document;

  constructor(
    private readonly door: AckDoor,
    private readonly random: () => number = Math.random,
    private readonly nowMs: () => number = () => performance.now(),
  ) {
    this.#page?.addEventListener("visibilitychange", this.#flushHidden);
  }

  now(): number {
    return this.nowMs();
  }

  /** Draws whether this connection is to acknowledge a publication with these tags. Once for each. */
  draw(tags: Tags | undefined): TraceContext | undefined {
    const probability = tags?.["syncline-ack"];
    return probability && this.random() < Number(probability) ? sampledContext(tags) : undefined;
  }

  add(shown: Shown): void {
    if (!this.door.isConnected() || !this.#isAllowed()) {
      this.dropped++;
      return;
    }
    this.#waiting.push(shown);
    // the timers of a hidden page may take a minute
    if (this.#waiting.length >= maxBatch || this.#page?.hidden) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), batchMs);
  }

  flush(): void {
    const waiting = this.#take();
    if (!waiting.length) return;
    const now = this.nowMs();
    const ack = waiting.map(({ receivedMs, ...shown }) => ({ ...shown, held_ms: heldMs(receivedMs, now) }));
    this.door.send({ syncline: { ack } }).catch(() => void (this.dropped += ack.length));
  }

  /** The connection is gone; the next one knows nothing of what this one was sent. */
  lose(): void {
    this.dropped += this.#take().length;
  }

  close(): void {
    this.lose();
    this.#page?.removeEventListener("visibilitychange", this.#flushHidden);
  }

  readonly #flushHidden = (): void => {
    if (this.#page?.hidden) this.flush();
  };

  #take(): Shown[] {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    return this.#waiting.splice(0);
  }

  #isAllowed(): boolean {
    const second = Math.floor(this.nowMs() / 1000);
    if (second !== this.#second) this.#inSecond = 0;
    this.#second = second;
    return ++this.#inSecond <= maxPerSecond;
  }
}

function heldMs(receivedMs: number, nowMs: number): number {
  return Math.max(0, Math.round((nowMs - receivedMs) * 100) / 100);
}
