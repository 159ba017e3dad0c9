import type { Options } from "centrifuge";
import { Host } from "./host.js";
import type { ToHost } from "./messages.js";
import type { Wire, WireEnds } from "./wire.js";

const tab = "alone";

/** A connection of its own, for whoever has nobody to share it with. */
export class LocalWire implements Wire {
  #host: Host | null = null;

  constructor(private readonly options: Partial<Options>) {}

  start(ends: WireEnds): void {
    this.#host = new Host(
      (_tabs, message) => queueMicrotask(() => this.#host && ends.receive(message)),
      null,
      this.options,
    );
    queueMicrotask(() => ends.reset());
  }

  send(message: ToHost): void {
    this.#host?.receive(tab, message);
  }

  close(): void {
    this.#host?.close();
    this.#host = null;
  }
}
