import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseJson, parseTags, placeOf, tidied } from "../../src/pages/channels/draft.js";
import { optionText } from "../../src/pages/channels/options.js";
import { traceIdOf } from "../../src/pages/channels/trace_tag.js";

describe("data to be published", () => {
  it("are any one JSON value", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        expect(parseJson(text)).toEqual({ data: JSON.parse(text) });
        expect(JSON.parse(tidied(text))).toEqual(JSON.parse(text));
      }),
    );
  });

  it("are told where they are wrong, inside of the text", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const parsed = parseJson(text);
        if ("data" in parsed) return;
        const { message, line, column } = parsed.fault;
        expect(message).not.toBe("");
        expect(line).toBeGreaterThanOrEqual(1);
        expect(line).toBeLessThanOrEqual(text.split("\n").length);
        expect(column).toBeGreaterThanOrEqual(1);
        expect(column).toBeLessThanOrEqual(text.split("\n")[line - 1]!.length + 1);
        expect(tidied(text)).toBe(text);
      }),
    );
  });

  it("have the fault in the line and column where it is", () => {
    expect(parseJson('{\n  "a": 1,\n}')).toMatchObject({ fault: { line: 3, column: 1 } });
    expect(parseJson("  \n ")).toMatchObject({ fault: { message: "Write a JSON value, for instance {}" } });
    expect(placeOf("ab\ncd", 4)).toEqual({ line: 2, column: 2 });
  });
});

describe("tags", () => {
  it("are a name and a value in each line", () => {
    expect(parseTags("a=1\n\n b=2=3 \nc=")).toEqual({ a: "1", b: "2=3", c: "" });
    expect(parseTags("")).toEqual({});
  });

  it("are refused whole when one line is none", () => {
    expect(parseTags("a=1\nb")).toBeNull();
    expect(parseTags("=1")).toBeNull();
  });
});

describe("the trace of a publication", () => {
  it("is that of its traceparent, when it is one", () => {
    const id = "4bf92f3577b34da6a3ce929d0e0e4736";
    expect(traceIdOf({ traceparent: `00-${id}-00f067aa0ba902b7-01` })).toBe(id);
    for (const traceparent of ["", "garbage", `00-${"0".repeat(32)}-00f067aa0ba902b7-01`, `ff-${id}-00f067aa0ba902b7-01`])
      expect(traceIdOf({ traceparent })).toBe("");
    expect(traceIdOf({})).toBe("");
  });
});

describe("options of a namespace", () => {
  it("are words", () => {
    expect([true, false, "", null, 0, "300s", ["a"]].map((value) => optionText(value))).toEqual(
      ["yes", "no", "–", "–", "0", "300s", '["a"]'],
    );
    expect(optionText(undefined)).toBe("–");
  });
});
