import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import * as api from "@opentelemetry/api";
import {
  AlwaysOffSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from "@opentelemetry/sdk-trace-base";

export const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
export const spanId = "00f067aa0ba902b7";
export const traceparent = `00-${traceId}-${spanId}-01`;

/** OpenTelemetry as an application sets it up: its API, and what came out of it. */
export class OpenTelemetryWorld {
  readonly api = api;
  readonly #exporter = new InMemorySpanExporter();

  constructor(options: { isOff?: boolean } = {}) {
    const spanProcessors = [new SimpleSpanProcessor(this.#exporter)];
    const sampler = options.isOff ? { sampler: new AlwaysOffSampler() } : {};
    api.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    api.trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors, ...sampler }));
  }

  get spans(): ReadableSpan[] {
    return this.#exporter.getFinishedSpans();
  }

  /** Runs something inside a span of the application's own; returns its `traceparent`. */
  within(work: () => void): string {
    return api.trace.getTracer("application").startActiveSpan("click", (span) => {
      work();
      span.end();
      const context = span.spanContext();
      return `00-${context.traceId}-${context.spanId}-0${context.traceFlags}`;
    });
  }

  end(): void {
    api.trace.disable();
    api.context.disable();
  }
}
