import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { accepts, filterOf, isFiltering } from "../../src/pages/traces/trace_filter.js";
import { merged } from "../../src/pages/traces/trace_merging.js";
import { joined } from "../../src/trace_joining.js";
import type { TraceSummary } from "../../src/types.js";

function trace(change: Partial<TraceSummary> = {}): TraceSummary {
  return {
    trace_id: "a",
    name: "publish chat",
    start_ms: 1_000,
    duration_ms: 10,
    num_spans: 1,
    nodes: ["node-1"],
    channel: "",
    num_acknowledged: 0,
    error: "",
    ...change,
  };
}

const everything = { text: "", channel: "", errorsOnly: false, minMs: 0 };

const anyTrace: fc.Arbitrary<TraceSummary> = fc.record({
  trace_id: fc.constantFrom("a", "b", "c"),
  name: fc.constantFrom("publish chat", "process orders"),
  start_ms: fc.integer({ min: 0, max: 1_000 }),
  duration_ms: fc.integer({ min: 0, max: 100 }),
  num_spans: fc.integer({ min: 1, max: 9 }),
  nodes: fc.constantFrom(["node-1"], ["node-2"], ["node-3"]),
  channel: fc.constantFrom("", "chat:1"),
  num_acknowledged: fc.integer({ min: 0, max: 3 }),
  error: fc.constantFrom("", "fault"),
});

describe("the filter", () => {
  it("finds text anywhere in whatever case, a channel only whole", () => {
    const one = trace({ trace_id: "4BF9", channel: "chat:room", error: "engine_unavailable", nodes: ["node-7"] });
    for (const text of ["4bf9", "PUBLISH", "room", "unavail", "NODE-7"])
      expect(accepts({ ...everything, text }, one)).toBe(true);
    expect(accepts({ ...everything, text: "other" }, one)).toBe(false);
    expect(accepts({ ...everything, channel: "chat:room" }, one)).toBe(true);
    expect(accepts({ ...everything, channel: "chat" }, one)).toBe(false);
  });

  it("leaves out what was quick, and what went well", () => {
    expect(accepts({ ...everything, minMs: 10 }, trace())).toBe(true);
    expect(accepts({ ...everything, minMs: 10.1 }, trace())).toBe(false);
    expect(accepts({ ...everything, errorsOnly: true }, trace())).toBe(false);
    expect(accepts({ ...everything, errorsOnly: true }, trace({ error: "fault" }))).toBe(true);
  });

  it("reads an address, whatever is in it", () => {
    expect(filterOf(new URLSearchParams("text= a &errors_only=true&min_ms=2.5"))).toEqual({
      text: "a",
      channel: "",
      errorsOnly: true,
      minMs: 2.5,
    });
    for (const wrong of ["soon", "-1", "Infinity", "NaN", ""])
      expect(filterOf(new URLSearchParams({ min_ms: wrong }))).toEqual(everything);
    fc.assert(
      fc.property(fc.string(), fc.string(), (name, value) => {
        const filter = filterOf(new URLSearchParams({ [name]: value, min_ms: value }));
        expect(filter.minMs).toBeGreaterThanOrEqual(0);
        expect(isFiltering(filter)).toBe(Boolean(filter.text || filter.channel || filter.errorsOnly || filter.minMs));
      }),
    );
  });
});

describe("what nodes have seen of one trace", () => {
  it("is put together: the first names it, it lasts until the last end, and counts add up", () => {
    const parts = [
      trace({ name: "process chat", start_ms: 1_004, duration_ms: 20, num_spans: 2, nodes: ["node-2"], error: "fault" }),
      trace({ channel: "chat:1", num_spans: 3, num_acknowledged: 1 }),
    ];
    expect(joined(parts)).toEqual([
      trace({ channel: "chat:1", num_spans: 5, num_acknowledged: 1, nodes: ["node-1", "node-2"], duration_ms: 24, error: "fault" }),
    ]);
  });

  it("is not named after what followed, although a clock says that it came first", () => {
    const early = trace({ name: "fan_out chat", start_ms: 998, nodes: ["node-2"] });
    expect(joined([early, trace()])).toMatchObject([{ name: "publish chat", start_ms: 998 }]);
    expect(joined([early])).toEqual([early]);
  });

  it("comes out the same in whatever order it came in", () => {
    const parts = fc.uniqueArray(anyTrace, { selector: ({ trace_id, nodes }) => `${trace_id} ${nodes[0]}` });
    const orders = parts.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })));
    fc.assert(
      fc.property(orders, ([all, other]) => {
        const numbers = (traces: TraceSummary[]): unknown =>
          traces.map((one) => [one.trace_id, one.start_ms, one.duration_ms, one.num_spans, one.nodes]).sort();
        expect(numbers(joined(other))).toEqual(numbers(joined(all)));
        expect(joined(all).length).toBe(new Set(all.map(({ trace_id }) => trace_id)).size);
      }),
    );
  });
});

describe("the list", () => {
  it("has each trace once, newest first, and no more than asked for", () => {
    fc.assert(
      fc.property(fc.array(anyTrace), fc.array(anyTrace), fc.integer({ min: 0, max: 5 }), (asked, live, limit) => {
        const list = merged(joined(asked), joined(live), limit);
        expect(new Set(list.map(({ trace_id }) => trace_id)).size).toBe(list.length);
        expect(list.length).toBeLessThanOrEqual(limit);
        list.forEach((one, index) => expect(one.start_ms).toBeLessThanOrEqual(list[index - 1]?.start_ms ?? Infinity));
      }),
    );
  });

  it("keeps the account that knows more", () => {
    const asked = trace({ num_spans: 5, nodes: ["node-1", "node-2"] });
    expect(merged([asked], [trace({ num_spans: 3 })], 9)).toEqual([asked]);
    expect(merged([asked], [trace({ num_spans: 6 })], 9)[0]?.num_spans).toBe(6);
  });
});
