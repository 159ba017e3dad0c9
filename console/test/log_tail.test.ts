import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { accepts, brief, levels, merged } from "../src/log_tail.js";
import type { LogLine } from "../src/types.js";

function line(change: Partial<LogLine> = {}): LogLine {
  const whole = { at_ms: 0, level: "info", event: "tested", logger: "l", trace_id: "", session: "", node: "n", node_name: "N" } as const;
  return { ...whole, fields: {}, ...change };
}

const lines = fc.array(
  fc.record({ at_ms: fc.nat(50), event: fc.constantFrom("a", "b"), node: fc.constantFrom("x", "y") }).map(line),
);

describe("the tail", () => {
  it("has each line once, oldest first, and the newest when there are too many", () => {
    fc.assert(
      fc.property(lines, lines, fc.integer({ min: 1, max: 20 }), (asked, live, limit) => {
        const tail = merged(asked, live, limit);
        const all = new Set([...asked, ...live].map((each) => JSON.stringify(each)));
        expect(tail.length).toBe(Math.min(limit, all.size));
        expect(new Set(tail.map((each) => JSON.stringify(each))).size).toBe(tail.length);
        expect(tail.map(({ at_ms }) => at_ms)).toEqual(tail.map(({ at_ms }) => at_ms).sort((a, b) => a - b));
        const newest = Math.max(0, ...[...asked, ...live].map(({ at_ms }) => at_ms));
        expect(tail.at(-1)?.at_ms ?? 0).toBe(newest);
      }),
    );
  });
});

it("ids are shown by their ends, everything else whole", () => {
  expect(brief("01a20f34-598b-740f-beff-fde55c3bd986")).toBe("01a20f…3bd986");
  expect(brief("connection closed, for a reason that takes a while to tell")).toMatch(/to tell$/);
});

describe("the filter", () => {
  const everything = { level: "debug", text: "", node: "" } as const;

  it("lets through what is as severe, and what is worse", () => {
    const passing = levels.filter((level) => accepts({ ...everything, level: "warning" }, line({ level })));
    expect(passing).toEqual(["warning", "error", "critical"]);
  });

  it.each([
    ["event", line({ event: "Needle.found" })],
    ["trace", line({ trace_id: "needle" })],
    ["session", line({ session: "NEEDLE" })],
    ["a field's name", line({ fields: { needle: "1" } })],
    ["a field's value", line({ fields: { a: "hayneedlehay" } })],
  ])("finds a text in the %s, in whatever case", (_, found) => {
    expect(accepts({ ...everything, text: "nEEdle" }, found)).toBe(true);
    expect(accepts({ ...everything, text: "nEEdle" }, line())).toBe(false);
  });

  it("finds a field with its value, and a node", () => {
    expect(accepts({ ...everything, text: "code=3000" }, line({ fields: { code: "3000" } }))).toBe(true);
    expect(accepts({ ...everything, node: "other" }, line())).toBe(false);
  });
});
