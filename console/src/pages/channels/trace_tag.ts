const traceparent = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}/;

/** The trace that a publication is of; "" for none, and where the tag is no W3C trace context. */
export function traceIdOf(tags: Record<string, string>): string {
  return traceparent.exec(tags["traceparent"] ?? "")?.[1] ?? "";
}
