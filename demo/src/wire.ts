export type WireState = "whole" | "cut";

export interface WireEvent {
  readonly kind: "sent" | "received" | "opened" | "closed" | "refused";
  /** The frame as it went over the socket, what happened to the socket, or a request and its answer without bodies. */
  readonly text: string;
  /** Why the hub closed the socket. */
  readonly close?: { readonly code: number; readonly reason: string };
}

export type WireObserver = (event: WireEvent) => void;

/**
 * The network of one device: hands out WebSockets and carries requests, and can break both.
 *
 * It is also the SDK's network event target. Cutting is silent, as a pulled cable is: the SDK learns it from the dead
 * socket. Mending fires "online", as a browser does, so that the client need not sit out its backoff.
 */
export class Wire extends EventTarget {
  state: WireState = "whole";
  private readonly sockets = new Set<WireSocket>();
  private readonly requests = new Set<AbortController>();

  constructor(private readonly observe: WireObserver) {
    super();
  }

  /** As the global one. What is under way when the wire is cut fails, as of a lost connection. */
  readonly fetch: typeof fetch = async (input, init = {}) => {
    const line = `${init.method ?? "GET"} ${new URL(String(input)).pathname}`;
    const request = new AbortController();
    const abort = (): void => request.abort(init.signal?.reason);
    this.requests.add(request);
    init.signal?.addEventListener("abort", abort);
    try {
      if (this.state === "cut") throw new TypeError("the wire is cut");
      this.report("sent", line);
      const response = await fetch(input, { ...init, signal: request.signal });
      this.report("received", `${response.status} ${line}`);
      return response;
    } catch (failure) {
      this.report("refused", `${line}: ${failure instanceof Error ? failure.message : String(failure)}`);
      throw failure;
    } finally {
      this.requests.delete(request);
      init.signal?.removeEventListener("abort", abort);
    }
  };

  /** A WebSocket constructor for the SDK's `websocket` option. */
  get socketClass(): new (url: string, protocols?: string | string[]) => WireSocket {
    const wire = this;
    return class extends WireSocket {
      constructor(url: string, protocols?: string | string[]) {
        super(wire, url, protocols);
      }
    };
  }

  cut(): void {
    this.state = "cut";
    for (const socket of [...this.sockets]) socket.snap();
    for (const request of this.requests) request.abort(new TypeError("the wire was cut"));
  }

  mend(): void {
    this.state = "whole";
    this.dispatchEvent(new Event("online"));
  }

  attach(socket: WireSocket): void {
    this.sockets.add(socket);
  }

  detach(socket: WireSocket): void {
    this.sockets.delete(socket);
  }

  report(kind: WireEvent["kind"], text: string, close?: WireEvent["close"]): void {
    this.observe({ kind, text, ...(close ? { close } : {}) });
  }
}

type CloseDetails = Pick<CloseEvent, "code" | "reason" | "wasClean">;

const snapped: CloseDetails = { code: 1006, reason: "", wasClean: false };

/** The part of WebSocket that the SDK uses, over a real one that the wire may take away. */
class WireSocket {
  onopen: (() => void) | null = null;
  onerror: ((event: Event) => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: CloseDetails) => void) | null = null;
  private socket: WebSocket | null = null;

  constructor(
    private readonly wire: Wire,
    url: string,
    protocols?: string | string[],
  ) {
    if (wire.state === "cut") {
      this.refuse();
      return;
    }
    this.socket = new WebSocket(url, protocols);
    this.forwardEvents(this.socket);
    wire.attach(this);
  }

  set binaryType(value: BinaryType) {
    if (this.socket) this.socket.binaryType = value;
  }

  send(data: string): void {
    // What is sent to a socket that the hub is closing is discarded by browsers too, with a complaint.
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    this.wire.report("sent", data);
    this.socket.send(data);
  }

  close(): void {
    this.socket?.close();
  }

  /** Break the connection: from now on nothing passes, in either direction. */
  snap(): void {
    const socket = this.release();
    socket?.close();
    this.wire.report("closed", "the wire was cut");
    this.onclose?.(snapped);
  }

  private refuse(): void {
    // A socket never fails inside its constructor: the SDK has yet to set its handlers.
    queueMicrotask(() => {
      this.wire.report("refused", "connection attempt refused: the wire is cut");
      this.onclose?.(snapped);
    });
  }

  private forwardEvents(socket: WebSocket): void {
    socket.onopen = () => {
      this.wire.report("opened", socket.url);
      this.onopen?.();
    };
    socket.onmessage = ({ data }) => {
      this.wire.report("received", String(data));
      this.onmessage?.({ data });
    };
    socket.onerror = (event) => this.onerror?.(event);
    socket.onclose = ({ code, reason, wasClean }) => {
      this.release();
      this.wire.report("closed", reason ? `${code} ${reason}` : `code ${code}`, { code, reason });
      this.onclose?.({ code, reason, wasClean });
    };
  }

  private release(): WebSocket | null {
    const socket = this.socket;
    this.socket = null;
    this.wire.detach(this);
    if (socket) socket.onopen = socket.onmessage = socket.onerror = socket.onclose = null;
    return socket;
  }
}
