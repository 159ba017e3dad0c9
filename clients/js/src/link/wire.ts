import type { FromHost, ToHost } from "./messages.js";

export interface WireEnds {
  receive(message: FromHost): void;
  /** There is a host, or another one, and it knows nothing of this tab. */
  reset(): void;
}

/** How a tab reaches the host of the connection. What is sent while there is no host is lost; `reset` follows. */
export interface Wire {
  start(ends: WireEnds): void;
  send(message: ToHost): void;
  close(): void;
}
