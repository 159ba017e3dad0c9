import { workerLock, type FromHost, type ToHost } from "./messages.js";
import type { Wire, WireEnds } from "./wire.js";

/** How long a shared worker has to say hello. */
const patienceMs = 2_000;
/** A tab may be given a worker that is just dying. After these the tabs do without. */
const maxAttempts = 2;

/**
 * The host is in a shared worker, which is started again when it dies; where it does not start, `fallback` takes its
 * place.
 */
export class WorkerWire implements Wire {
  #fallback: Wire | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #port: MessagePort | null = null;
  #watch = new AbortController();

  constructor(
    private readonly name: string,
    private readonly tab: string,
    private readonly locks: LockManager,
    private readonly makeWorker: () => SharedWorker,
    private readonly makeFallback: () => Wire,
  ) {}

  start(ends: WireEnds, attempt = 1): void {
    const giveUp = (): void => this.#giveUp(ends);
    const goOn = attempt < maxAttempts ? (): void => this.start(ends, attempt + 1) : giveUp;
    this.#timer = setTimeout(goOn, patienceMs);
    try {
      this.#port?.close();
      const worker = this.makeWorker();
      worker.onerror = giveUp;
      this.#port = worker.port;
      this.#port.onmessage = ({ data }: MessageEvent<FromHost>) => this.#receive(ends, data);
    } catch {
      giveUp();
    }
  }

  send(message: ToHost): void {
    if (this.#fallback) this.#fallback.send(message);
    else this.#port?.postMessage({ from: this.tab, message });
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#watch.abort();
    this.#fallback?.close();
    this.#port?.close();
    this.#port = null;
  }

  #receive(ends: WireEnds, message: FromHost): void {
    if (message.kind !== "hello") return ends.receive(message);
    clearTimeout(this.#timer);
    this.#watchWorker(ends);
    ends.reset();
  }

  /** The worker holds its lock as long as it lives. */
  #watchWorker(ends: WireEnds): void {
    this.#watch = new AbortController();
    const { signal } = this.#watch;
    const restart = (): void => {
      if (!signal.aborted) this.start(ends);
    };
    this.locks.request(workerLock(this.name), { signal, mode: "shared" }, restart).catch(() => undefined);
  }

  #giveUp(ends: WireEnds): void {
    if (this.#fallback) return;
    this.close();
    this.#fallback = this.makeFallback();
    this.#fallback.start(ends);
  }
}
