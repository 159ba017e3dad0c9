import type { TraceSummary } from "../../types.js";

/** One summary per trace out of what single nodes have seen of it, as the server joins them. */
export function joined(parts: readonly TraceSummary[]): TraceSummary[] {
  const byId = new Map<string, TraceSummary>();
  for (const part of parts) {
    const known = byId.get(part.trace_id);
    byId.set(part.trace_id, known ? join(known, part) : part);
  }
  return [...byId.values()];
}

/** What began first names it, and it lasts until the last end anywhere. Clocks of nodes differ, and so may the duration. */
function join(one: TraceSummary, other: TraceSummary): TraceSummary {
  const [first, second] = [one, other].sort(byStart) as [TraceSummary, TraceSummary];
  return {
    ...first,
    duration_ms: Math.max(endOf(first), endOf(second)) - first.start_ms,
    num_spans: first.num_spans + second.num_spans,
    nodes: [...new Set([...first.nodes, ...second.nodes])].sort(),
    channel: first.channel || second.channel,
    num_acknowledged: first.num_acknowledged + second.num_acknowledged,
    error: first.error || second.error,
  };
}

function byStart(a: TraceSummary, b: TraceSummary): number {
  return a.start_ms - b.start_ms || (a.nodes.join("\n") < b.nodes.join("\n") ? -1 : 1);
}

function endOf({ start_ms, duration_ms }: TraceSummary): number {
  return start_ms + duration_ms;
}

/**
 * One list of what was asked for and what came live since, newest first, at most `limit`. Of one trace the account
 * that knows more spans stays: what came live may lack nodes that had nothing new to say.
 */
export function merged(asked: readonly TraceSummary[], live: readonly TraceSummary[], limit: number): TraceSummary[] {
  const byId = new Map(asked.map((trace) => [trace.trace_id, trace]));
  for (const trace of joined(live)) {
    const known = byId.get(trace.trace_id);
    if (!known || trace.num_spans >= known.num_spans) byId.set(trace.trace_id, trace);
  }
  return [...byId.values()].sort(newestFirst).slice(0, limit);
}

function newestFirst(a: TraceSummary, b: TraceSummary): number {
  return b.start_ms - a.start_ms || (a.trace_id < b.trace_id ? 1 : -1);
}
