import type { Json } from "syncline";

export interface Draft {
  readonly text: string;
  readonly tags: string;
}

/** What is wrong with a text that should be JSON, and where. Lines and columns begin at 1. */
export interface Fault {
  readonly message: string;
  readonly line: number;
  readonly column: number;
}

export type Parsed = { readonly data: Json } | { readonly fault: Fault };

/** As the server will read it: one JSON value. */
export function parseJson(text: string): Parsed {
  if (!text.trim()) return { fault: { message: "Write a JSON value, for instance {}", line: 1, column: 1 } };
  try {
    return { data: JSON.parse(text) as Json };
  } catch (failure) {
    return { fault: faultOf(failure, text) };
  }
}

/** Browsers word it each in their own way: some give an offset, some a line and a column, some neither. */
function faultOf(failure: unknown, text: string): Fault {
  const told = failure instanceof Error ? failure.message : "";
  const message = told.replace(/^JSON\.parse: /, "").replace(/,?\s*("|\.\.\.).*is not valid JSON$/s, "") || "Not JSON";
  const place = /line (\d+) column (\d+)/.exec(told);
  if (place) return { message: short(message), line: Number(place[1]), column: Number(place[2]) };
  const offset = /position (\d+)/.exec(told);
  return { message: short(message), ...placeOf(text, offset ? Number(offset[1]) : text.length) };
}

function short(message: string): string {
  return message.replace(/\s*(in JSON )?at (position \d+|line \d+ column \d+).*$/s, "");
}

export function placeOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset).split("\n");
  return { line: before.length, column: before.at(-1)!.length + 1 };
}

/** Lines of `name=value`, empty ones left out. A value may hold further signs. Null: some line is none. */
export function parseTags(text: string): Record<string, string> | null {
  const lines = text.split("\n").map((line) => line.trim());
  const pairs = lines.filter(Boolean).map((line): [string, string] => [nameIn(line), line.slice(nameIn(line).length + 1)]);
  return pairs.every(([name]) => name) ? Object.fromEntries(pairs) : null;
}

function nameIn(line: string): string {
  const sign = line.indexOf("=");
  return sign < 0 ? "" : line.slice(0, sign).trim() && line.slice(0, sign);
}

/** With two spaces; what is no JSON stays as it is. */
export function tidied(text: string): string {
  const parsed = parseJson(text);
  return "data" in parsed ? JSON.stringify(parsed.data, null, 2) : text;
}
