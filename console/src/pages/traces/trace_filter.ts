import type { TraceSummary } from "../../types.js";

export interface TraceFilter {
  readonly text: string;
  readonly channel: string;
  readonly errorsOnly: boolean;
  readonly minMs: number;
}

/** The server's rule, for what comes in live: the text anywhere and in whatever case, the channel whole. */
export function accepts({ text, channel, errorsOnly, minMs }: TraceFilter, trace: TraceSummary): boolean {
  if (channel && trace.channel !== channel) return false;
  if (errorsOnly && !trace.error) return false;
  if (trace.duration_ms < minMs) return false;
  return !text || textOf(trace).includes(text.toLowerCase());
}

function textOf({ trace_id, name, channel, error, nodes }: TraceSummary): string {
  return [trace_id, name, channel, error, ...nodes].join("\n").toLowerCase();
}

/** What the page's address says; what is not a number of milliseconds asks for nothing. */
export function filterOf(query: URLSearchParams): TraceFilter {
  const minMs = Number(query.get("min_ms") ?? 0);
  return {
    text: (query.get("text") ?? "").trim(),
    channel: (query.get("channel") ?? "").trim(),
    errorsOnly: query.get("errors_only") === "true",
    minMs: Number.isFinite(minMs) && minMs > 0 ? minMs : 0,
  };
}

export function isFiltering({ text, channel, errorsOnly, minMs }: TraceFilter): boolean {
  return Boolean(text || channel || errorsOnly || minMs);
}
