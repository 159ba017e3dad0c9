import fc from "fast-check";
import type { SpanView } from "../../src/types.js";

export function span(change: Partial<SpanView> & { start?: number; end?: number } = {}): SpanView {
  const { start = 0, end = start + 1_000, ...rest } = change;
  return {
    trace_id: "4bf92f3577b34da6a3ce929d0e0e4736",
    span_id: "00f067aa0ba902b7",
    parent_id: "",
    name: "publish chat",
    kind: "producer",
    node: "n1",
    node_name: "node-1",
    start_ns: String(1_790_000_000_000_000_000n + BigInt(start)),
    end_ns: String(1_790_000_000_000_000_000n + BigInt(end)),
    error: "",
    attributes: {},
    links: [],
    ...rest,
  };
}

const id = fc.constantFrom("a1", "b2", "c3", "d4", "e5", "f6");

/** Few ids, so that parents and publications are missing, later than what they caused, doubled and in circles. */
export const anySpans = fc.array(
  fc
    .record({
      span_id: id,
      parent_id: fc.oneof(fc.constant(""), id, fc.constant("elsewhere")),
      node: fc.constantFrom("n1", "n2", "n3"),
      start: fc.integer({ min: 0, max: 10_000_000 }),
      length: fc.integer({ min: -1_000, max: 5_000_000 }),
      published: fc.option(id),
    })
    .map(({ length, published, ...rest }) =>
      span({ ...rest, end: rest.start + length, attributes: published ? { "syncline.publish_span_id": published } : {} }),
    ),
  { maxLength: 40 },
);
