import { newestFirst } from "../../trace_joining.js";
import type { TraceSummary } from "../../types.js";

/**
 * One list of what was asked for and what came live since, newest first, at most `limit`. Of one trace the account
 * that knows more spans stays: what came live may lack nodes that had nothing new to say.
 */
export function merged(asked: readonly TraceSummary[], live: readonly TraceSummary[], limit: number): TraceSummary[] {
  const byId = new Map(asked.map((trace) => [trace.trace_id, trace]));
  for (const trace of live) {
    const known = byId.get(trace.trace_id);
    if (!known || trace.num_spans >= known.num_spans) byId.set(trace.trace_id, trace);
  }
  return [...byId.values()].sort(newestFirst).slice(0, limit);
}
