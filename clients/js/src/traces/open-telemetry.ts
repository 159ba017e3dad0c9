// What this package uses of `@opentelemetry/api`, so that nobody needs it to compile or to bundle. The module is passed in.

export interface SpanContext {
  traceId: string;
  spanId: string;
  traceFlags: number;
}

interface Span {
  spanContext(): SpanContext;
  end(): void;
}

interface SpanOptions {
  kind: number;
  attributes: Record<string, string | number>;
}

/** The module `@opentelemetry/api` is one of these. Its contexts are opaque here. */
export interface OpenTelemetry {
  readonly ROOT_CONTEXT: unknown;
  readonly context: {
    active(): unknown;
    with<T>(context: unknown, work: () => T): T;
  };
  readonly trace: {
    getTracer(name: string): { startSpan(name: string, options: SpanOptions, context: unknown): Span };
    getSpanContext(context: unknown): SpanContext | undefined;
    setSpan(context: unknown, span: unknown): unknown;
    setSpanContext(context: unknown, spanContext: unknown): unknown;
  };
  createTraceState(state: string): unknown;
}
