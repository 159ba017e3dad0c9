import type { RelayView } from "../../types.js";

/** What a source, sink or the outbox has said at one time. */
export interface Reading {
  readonly atMs: number;
  readonly relays: readonly RelayView[];
}

export type Rates = ReadonlyMap<string, number>;

/** A gauge says how things stand; only of a counter it means something how much it grew. Matched without prefix. */
const counters =
  /(received|acknowledged|redelivered|rejected|dead_lettered|published|failures|refused|accepted|dropped|swept|deleted|trimmed|lost_links|taken_over|gaps|retries|deliveries)(\.|$)/;

export function isCounter(measure: string): boolean {
  return counters.test(measure);
}

export function keyOf({ name, kind, node }: RelayView): string {
  return [node, kind, name].join("\n");
}

/**
 * By how much each counter grew in a second between two readings. A counter that went down began anew: nothing is
 * known of it until the next reading.
 */
export function ratesOf(relay: RelayView, before: Reading | null, nowMs: number): Rates {
  const earlier = before?.relays.find((candidate) => keyOf(candidate) === keyOf(relay));
  const seconds = before ? (nowMs - before.atMs) / 1_000 : 0;
  if (!earlier || seconds <= 0) return new Map();
  const names = Object.keys(relay.measures).filter(isCounter);
  const grown = names.map((name): [string, number] => [name, growth(relay.measures, earlier.measures, name) / seconds]);
  return new Map(grown.filter(([, rate]) => rate >= 0));
}

function growth(now: Record<string, number>, before: Record<string, number>, name: string): number {
  return (now[name] ?? 0) - (before[name] ?? 0);
}

const kinds: Record<RelayView["kind"], string> = {
  rabbitmq: "RabbitMQ queue",
  redis_stream: "Redis stream",
  redis_pubsub: "Redis pub/sub",
  http: "HTTP events",
  outbox: "Outbox",
  sink: "Sink",
};

export function kindName(kind: RelayView["kind"]): string {
  return kinds[kind];
}

/** The measure by which one sees that something goes through, and the one by which one sees that it does not. */
const throughput = /(^|_)(received|published|accepted)(\.|$)/;
const refusal = /(^|_)(rejected|refused|failures|dead_lettered)(\.|$)/;
const backlog = /(^|_)(queue_length|lag|waiting)(\.|$)/;

export interface Facts {
  readonly throughputPerS: number | null;
  readonly refusedPerS: number | null;
  readonly numRefused: number;
  readonly backlog: number | null;
}

/** The few numbers that every kind has in one form or another. `refused` counts what was given up or tried in vain. */
export function factsOf(relay: RelayView, rates: Rates): Facts {
  const names = Object.keys(relay.measures);
  const through = names.find((name) => throughput.test(name));
  const refusals = names.filter((name) => refusal.test(name) && !isDoubled(name, names));
  const left = names.find((name) => backlog.test(name));
  const known = refusals.filter((name) => rates.has(name));
  return {
    throughputPerS: through === undefined ? null : (rates.get(through) ?? null),
    refusedPerS: known.length ? sum(known.map((name) => rates.get(name)!)) : null,
    numRefused: sum(refusals.map((name) => relay.measures[name]!)),
    backlog: left === undefined ? null : relay.measures[left]!,
  };
}

/** What is dead-lettered has been rejected before, and would count twice. */
function isDoubled(name: string, names: readonly string[]): boolean {
  return /dead_lettered(\.|$)/.test(name) && names.some((other) => /rejected(\.|$)/.test(other));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** "amqp_queue_length.orders" of the relay "orders" reads "amqp queue length". */
export function measureName(measure: string, relayName: string): string {
  const bare = measure.endsWith(`.${relayName}`) ? measure.slice(0, -relayName.length - 1) : measure;
  return bare.replaceAll("_", " ");
}
