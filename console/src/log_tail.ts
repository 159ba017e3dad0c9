import { shorten } from "./format.js";
import type { LogLine } from "./types.js";

export type Level = LogLine["level"];

export const levels: readonly Level[] = ["debug", "info", "warning", "error", "critical"];

export interface LogFilter {
  readonly level: Level;
  readonly text: string;
  readonly node: string;
}

/** The same rule as the server's: this severe or more, with the text anywhere, in whatever case. */
export function accepts({ level, text, node }: LogFilter, line: LogLine): boolean {
  if (levels.indexOf(line.level) < levels.indexOf(level)) return false;
  if (node && line.node !== node) return false;
  return !text || textOf(line).includes(text.toLowerCase());
}

function textOf({ event, logger, trace_id, session, fields }: LogLine): string {
  const words = Object.entries(fields).map(([name, value]) => `${name}=${value}`);
  return [event, logger, trace_id, session, ...words].join("\n").toLowerCase();
}

/** What tells a line from another one; there is no id. */
export function identity({ at_ms, node, event, logger, trace_id, fields }: LogLine): string {
  return JSON.stringify([at_ms, node, event, logger, trace_id, fields]);
}

/** One list of what was asked for and what came live, oldest first, at most `limit` lines: the newest. */
export function merged(asked: readonly LogLine[], live: readonly LogLine[], limit: number): LogLine[] {
  const byIdentity = new Map<string, LogLine>();
  for (const line of [...asked, ...live]) byIdentity.set(identity(line), line);
  return [...byIdentity.values()].sort((a, b) => a.at_ms - b.at_ms).slice(-limit);
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** A value as one line of many has room for it: ids by their two ends, which is what tells them apart. */
export function brief(value: string): string {
  return uuid.test(value) ? shorten(value, 13) : value;
}
