import type { TraceSummary } from "./types.js";

/** What one node has seen of a trace is told by its id and the one node in it. */
export function partKey({ trace_id, nodes }: TraceSummary): string {
  return `${trace_id} ${nodes.join(" ")}`;
}

/** The parts with those that have changed, newest first, at most `limit`. */
export function withParts(
  before: readonly TraceSummary[],
  changed: readonly TraceSummary[],
  limit: number,
): TraceSummary[] {
  const byKey = new Map(before.map((part) => [partKey(part), part]));
  for (const part of changed) byKey.set(partKey(part), part);
  return [...byKey.values()].sort(newestFirst).slice(0, limit);
}

/** One summary for each trace, newest first, as the server joins what its nodes have seen. */
export function joined(parts: readonly TraceSummary[]): TraceSummary[] {
  const byId = new Map<string, TraceSummary>();
  for (const part of parts) {
    const known = byId.get(part.trace_id);
    byId.set(part.trace_id, known ? join(known, part) : part);
  }
  return [...byId.values()].sort(newestFirst);
}

/** What each publication causes wherever it goes: it never was the beginning, whatever the clock of its node says. */
const consequence = /^(fan_out|acknowledge) /;

/** What began first names it; it lasts until the last end anywhere, as far as the clocks of nodes agree. */
function join(one: TraceSummary, other: TraceSummary): TraceSummary {
  const [first, second] = [one, other].sort(byStart) as [TraceSummary, TraceSummary];
  const endMs = Math.max(first.start_ms + first.duration_ms, second.start_ms + second.duration_ms);
  return {
    ...first,
    name: [first.name, second.name].find((name) => !consequence.test(name)) ?? first.name,
    duration_ms: endMs - first.start_ms,
    num_spans: first.num_spans + second.num_spans,
    num_acknowledged: first.num_acknowledged + second.num_acknowledged,
    nodes: [...new Set([...first.nodes, ...second.nodes])].sort(),
    channel: first.channel || second.channel,
    error: first.error || second.error,
  };
}

function byStart(a: TraceSummary, b: TraceSummary): number {
  return a.start_ms - b.start_ms || (a.nodes.join("\n") < b.nodes.join("\n") ? -1 : 1);
}

/** Of two that began at once the one with the greater id, as on the server. */
export function newestFirst(a: TraceSummary, b: TraceSummary): number {
  return b.start_ms - a.start_ms || (a.trace_id < b.trace_id ? 1 : -1);
}
