// The entry point "syncline/tracing", for applications that use npm `centrifuge` by itself.
import type { Centrifuge, PublicationContext, Subscription } from "centrifuge";
import { Acknowledgements, type AckDoor, type AcknowledgementData } from "./traces/acknowledgements.js";
import { Tracing, type TracingOptions } from "./traces/tracing.js";

export type { OpenTelemetry } from "./traces/open-telemetry.js";
export type { TracingOptions } from "./traces/tracing.js";

export interface AcknowledgeOptions extends TracingOptions {
  /** The client is that of `centrifuge/build/protobuf`, to which data are bytes. */
  isBinary?: boolean;
}

export interface Following {
  /** Acknowledgements that the hub asked for and will not get. */
  readonly dropped: number;
  /** The `traceparent` of the active span, to put into the data of an `rpc`; undefined when there is none. */
  outgoing(): string | undefined;
  /** The client goes on without. */
  stop(): void;
}

type Emit = (event: string, ...details: unknown[]) => boolean;
interface Source {
  emit: Emit;
}

/**
 * Makes a client of npm `centrifuge` acknowledge the sampled publications that the hub asks about and, with
 * OpenTelemetry, show each in a span of its own: for all its subscriptions, those made later and the server's included.
 */
export function acknowledge(client: Centrifuge, options: AcknowledgeOptions = {}): Following {
  const tracing = new Tracing(options);
  const acks = new Acknowledgements(doorOf(client, options.isBinary ?? false));
  let isStopped = false;
  const follow = (source: Centrifuge | Subscription): void =>
    intercept(source as unknown as Source, (publication, show) => {
      if (isStopped) show();
      else handle(tracing, acks, publication, show);
    });
  follow(client);
  for (const subscription of Object.values(client.subscriptions())) follow(subscription);
  followNew(client, follow);
  const lose = (): void => acks.lose();
  client.on("connecting", lose).on("disconnected", lose);
  const stop = (): void => {
    isStopped = true;
    client.off("connecting", lose).off("disconnected", lose);
    acks.close();
  };
  return {
    get dropped() {
      return acks.dropped;
    },
    outgoing: () => tracing.outgoing(),
    stop,
  };
}

/** Over one client of npm `centrifuge`. */
function doorOf(client: Centrifuge, isBinary: boolean): AckDoor {
  return {
    isConnected: () => client.state === "connected",
    send: (data) => client.send(isBinary ? encoded(data) : data),
  };
}

function handle(tracing: Tracing, acks: Acknowledgements, publication: PublicationContext, show: () => void): void {
  const { channel, tags } = publication;
  const receivedMs = acks.now();
  const asked = acks.draw(tags);
  const reception = tracing.receive(channel, publication, show);
  if (asked && reception) acks.add({ ...reception, channel, receivedMs });
}

/** In the emitter's own `emit`, so that a span is active around all listeners, whoever they are. */
function intercept(source: Source, receive: (publication: PublicationContext, show: () => void) => void): void {
  const emit = source.emit;
  source.emit = (event, ...details) => {
    if (event !== "publication") return emit.call(source, event, ...details);
    let isHeard = false;
    receive(details[0] as PublicationContext, () => (isHeard = emit.call(source, event, ...details)));
    return isHeard;
  };
}

/** What is subscribed to later. */
function followNew(client: Centrifuge, follow: (subscription: Subscription) => void): void {
  const make = client.newSubscription;
  client.newSubscription = (...request) => {
    const subscription = make.apply(client, request);
    follow(subscription);
    return subscription;
  };
}

function encoded(data: AcknowledgementData): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(data));
}
