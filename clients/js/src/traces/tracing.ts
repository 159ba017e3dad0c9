import type { OpenTelemetry, SpanContext } from "./open-telemetry.js";
import { namespaceOf, sampledContext, traceparentOf, type Tags, type TraceContext } from "./trace-context.js";

export interface TracingOptions {
  /**
   * The module `@opentelemetry/api`, or what loads it: `() => import("@opentelemetry/api")`. Without it, and where it
   * cannot be loaded, this package makes no spans.
   */
  api?: OpenTelemetry | (() => Promise<OpenTelemetry>);
}

/** Where a sampled publication was shown: in the span of `traceparent`, below `of`, which published it. */
export interface Reception {
  of: string;
  traceparent: string;
}

interface Received {
  offset?: number | undefined;
  tags?: Record<string, string> | undefined;
}

/** OpenTelemetry's `SpanKind.CONSUMER`, which its API keeps as it is. */
const consumer = 4;

/** A page's part in traces that begin elsewhere: a span for each sampled publication, and the context for what it asks. */
export class Tracing {
  #api: OpenTelemetry | null = null;

  constructor({ api }: TracingOptions = {}) {
    if (typeof api === "function") api().then((module) => (this.#api = module), ignore);
    else this.#api = api ?? null;
  }

  /** The span that is active now, for whoever is asked from here. Undefined when there is none. */
  outgoing(): string | undefined {
    const active = this.#api?.trace.getSpanContext(this.#api.context.active());
    return active && /[^0]/.test(active.traceId) ? traceparentOf(contextOf(active)) : undefined;
  }

  /**
   * Hands on a publication: a sampled one inside a span of its own, which is active while `show` runs and ends when
   * that returns. Throws what `show` throws.
   */
  receive(channel: string, publication: Received, show: () => void): Reception | undefined {
    const parent = sampledContext(publication.tags);
    if (parent && this.#api) return showInSpan(this.#api, parent, channel, publication, show);
    show();
    return parent && receptionOf(parent, parent);
  }
}

function showInSpan(
  api: OpenTelemetry,
  parent: TraceContext,
  channel: string,
  { tags, offset }: Received,
  show: () => void,
): Reception {
  const namespace = namespaceOf(channel);
  const above = api.trace.setSpanContext(api.ROOT_CONTEXT, remote(api, parent, tags));
  const options = { kind: consumer, attributes: attributesOf(namespace, offset) };
  const span = api.trace.getTracer("syncline").startSpan(`receive ${namespace}`.trim(), options, above);
  try {
    api.context.with(api.trace.setSpan(above, span), show);
  } finally {
    span.end();
  }
  return receptionOf(parent, contextOf(span.spanContext()));
}

/** The application's own sampler may have left the span out. */
function receptionOf(parent: TraceContext, own: TraceContext): Reception {
  return { of: parent.spanId, traceparent: traceparentOf(own.flags & 1 ? own : parent) };
}

function remote(api: OpenTelemetry, { traceId, spanId, flags }: TraceContext, { tracestate }: Tags = {}): object {
  const traceState = tracestate ? { traceState: api.createTraceState(tracestate) } : {};
  return { traceId, spanId, traceFlags: flags, isRemote: true, ...traceState };
}

function attributesOf(namespace: string, offset: number | undefined): Record<string, string | number> {
  return {
    "messaging.system": "syncline",
    "messaging.operation.name": "receive",
    "messaging.operation.type": "process",
    ...(namespace ? { "messaging.destination.template": namespace } : {}),
    ...(offset === undefined ? {} : { "syncline.offset": offset }),
  };
}

function contextOf({ traceId, spanId, traceFlags }: SpanContext): TraceContext {
  return { traceId, spanId, flags: traceFlags };
}

function ignore(): void {}
