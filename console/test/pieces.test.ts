import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checksOf, isWell } from "../src/health.js";
import { shortened, tokensOf } from "../src/json_tokens.js";
import { nodeTone, toneCount } from "../src/node_tone.js";
import { nextRow } from "../src/row_steps.js";
import { axisTop, greatest } from "../src/scale.js";
import { isChanged, matchesSetting, sectionOf, sourcesOf } from "../src/settings_filter.js";
import { sorted } from "../src/sorting.js";

describe("JSON", () => {
  it("its pieces are the text again, also when it is cut or is none", () => {
    const text = fc.oneof(fc.json(), fc.string(), fc.json().map((json) => json.slice(0, json.length / 2)));
    const rejoined = (json: string): string => tokensOf(json).map((token) => token.text).join("");
    fc.assert(fc.property(text, (json) => rejoined(json) === json));
  });

  it("tells keys from strings, and numbers from words", () => {
    const kinds = tokensOf('{"a": "b: 1", "c": [-1.5e3, true, null]}').filter(({ kind }) => kind);
    expect(kinds.map(({ kind, text }) => `${kind} ${text}`)).toEqual([
      'key "a"',
      'string "b: 1"',
      'key "c"',
      "number -1.5e3",
      "word true",
      "word null",
    ]);
  });

  it("what is very long is cut, and says by how much", () => {
    expect(shortened("x".repeat(20_007))).toEqual({ shown: "x".repeat(20_000), hidden: 7 });
  });
});

describe("rows", () => {
  it.each([
    ["ArrowDown", 0, 1],
    ["ArrowDown", 2, 2],
    ["ArrowUp", 0, 0],
    ["Home", 2, 0],
    ["End", 0, 2],
    ["PageDown", 0, 2],
    ["PageUp", 2, 0],
    ["a", 1, null],
  ])("%s leads from %d to %s", (key, from, to) => expect(nextRow(key, from, 3)).toBe(to));

  it("no key leads anywhere when there is no row", () => expect(nextRow("End", -1, 0)).toBeNull());
});

describe("sorting", () => {
  const columns = [{ key: "n", sortBy: (row: { n: number | null; i: number }) => row.n }];
  const rows = fc.array(fc.option(fc.nat(5), { nil: null })).map((values) => values.map((n, i) => ({ n, i })));

  it("keeps all rows, is stable, and puts what has no value last", () => {
    fc.assert(
      fc.property(rows, fc.boolean(), (list, isDescending) => {
        const result = sorted(list, { key: "n", isDescending }, columns);
        expect(new Set(result)).toEqual(new Set(list));
        result.slice(1).forEach((row, index) => {
          const before = result[index]!;
          if (row.n === null) return;
          expect(before.n).not.toBeNull();
          if (before.n === row.n) expect(before.i).toBeLessThan(row.i);
          else expect(before.n! < row.n).toBe(!isDescending);
        });
      }),
    );
  });

  it("sorts numbers in names by their value", () => {
    const names = [{ name: "n10" }, { name: "n9" }];
    const byName = [{ key: "name", sortBy: (row: { name: string }) => row.name }];
    expect(sorted(names, { key: "name", isDescending: false }, byName).map(({ name }) => name)).toEqual(["n9", "n10"]);
    expect(sorted(names, null, byName)).toBe(names);
  });
});

describe("axes", () => {
  it("hold everything, and not much more", () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-3, max: 1e12, noNaN: true }), (most) => {
        const top = axisTop(most, 0);
        expect(top).toBeGreaterThanOrEqual(most * (1 - 1e-9));
        expect(top).toBeLessThanOrEqual(most * 1.51);
      }),
    );
  });

  it("reach where they must, also when there is nothing", () => {
    expect([axisTop(0, 4), axisTop(Number.NaN, 4), axisTop(3, 4), axisTop(4.2, 4)]).toEqual([4, 4, 4, 5]);
    expect(greatest([[1, null, 3], [null], []])).toBe(3);
    expect(greatest([])).toBe(0);
  });
});

describe("health", () => {
  it("is told check by check, the failed ones first", () => {
    const health = {
      status: "unavailable",
      checks: { started: true, engine: { ok: false, age_ms: 900, detail: "no answer" } },
      consumers: { orders: { attached: true, age_ms: 1_200, detail: "", lag: 3 } },
    };
    expect(isWell(health)).toBe(false);
    expect(checksOf(health)).toEqual([
      { name: "engine", isWell: false, ageMs: 900, detail: "no answer" },
      { name: "orders", isWell: true, ageMs: 1_200, detail: "lag 3" },
      { name: "started", isWell: true, ageMs: null, detail: "" },
    ]);
  });

  it("of a node that has said nothing is not known", () => {
    expect(isWell({})).toBeNull();
    expect(checksOf({})).toEqual([]);
    expect(checksOf({ checks: [1], consumers: "none" })).toEqual([]);
  });
});

describe("settings", () => {
  const setting = { key: "client.token.audience", value: "hub", default: "", source: "file /etc/syncline.toml", description: "Who tokens are for" };
  const everything = { text: "", source: "", isChangedOnly: false };

  it("are found by all words anywhere", () => {
    expect(matchesSetting({ ...everything, text: "TOKEN  for" }, setting)).toBe(true);
    expect(matchesSetting({ ...everything, text: "token nowhere" }, setting)).toBe(false);
  });

  it("are found by source, and by being changed", () => {
    expect(matchesSetting({ ...everything, source: "environment" }, setting)).toBe(false);
    expect(matchesSetting({ ...everything, isChangedOnly: true }, { ...setting, value: "", source: "default" })).toBe(false);
    expect(matchesSetting({ ...everything, source: "file" }, setting)).toBe(true);
    expect(isChanged({ ...setting, value: "", source: "file" })).toBe(true);
    expect(sectionOf(setting.key)).toBe("client.token.");
    expect(sourcesOf([setting, { ...setting, source: "default" }, setting])).toEqual(["default", "file"]);
  });
});

it("a node keeps its colour, and neighbours have others", () => {
  const tones = Array.from({ length: toneCount }, (_, index) => nodeTone(`node ${index}`));
  expect(new Set(tones).size).toBe(toneCount);
  expect(nodeTone("node 3")).toBe(tones[3]);
});
