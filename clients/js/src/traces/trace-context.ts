/** The tags of a publication that is followed: W3C trace context, and the wish for an acknowledgement. */
export interface Tags {
  traceparent?: string;
  tracestate?: string;
  /** The probability with which the connection shall acknowledge; the hub wants some answers, not all. */
  "syncline-ack"?: string;
}

export interface TraceContext {
  traceId: string;
  spanId: string;
  flags: number;
}

const form = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;
const sampled = 1;

/** Undefined for what is not followed: no context, a broken one, or one that is not sampled. */
export function sampledContext({ traceparent = "" }: Tags = {}): TraceContext | undefined {
  const [, traceId, spanId, flags] = form.exec(traceparent) ?? [];
  if (!traceId || !spanId || !flags) return undefined;
  const context = { traceId, spanId, flags: Number.parseInt(flags, 16) };
  return context.flags & sampled ? context : undefined;
}

export function traceparentOf({ traceId, spanId, flags }: TraceContext): string {
  return `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, "0")}`;
}

/** As the hub has it: what is before the first colon, "" for a channel without namespace. */
export function namespaceOf(channel: string): string {
  const name = channel.replace(/^\$/, "");
  return name.slice(0, Math.max(0, name.indexOf(":")));
}
