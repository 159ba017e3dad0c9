import fc from "fast-check";
import { expect, test } from "vitest";
import { equal, type Json } from "../src/json.js";
import { applyMergePatch, diffMergePatch } from "../src/merge-patch.js";
import { json } from "./arbitrary.js";

/** RFC 7396, appendix A, and what is easily got wrong beside it. */
const table: [Json, Json, Json][] = [
  [{ a: "b" }, { a: "c" }, { a: "c" }],
  [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
  [{ a: "b" }, { a: null }, {}],
  [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
  [{ a: ["b"] }, { a: "c" }, { a: "c" }],
  [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
  [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
  [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
  [
    ["a", "b"],
    ["c", "d"],
    ["c", "d"],
  ],
  [{ a: "b" }, ["c"], ["c"]],
  [{ a: "foo" }, null, null],
  [{ a: "foo" }, "bar", "bar"],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: "b", c: null }, { a: "b" }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];

test.each(table)("RFC 7396: %j with %j", (target, patch, result) => {
  expect(applyMergePatch(target, patch)).toEqual(result);
});

test("a member named __proto__ is a member", () => {
  const patch = JSON.parse('{"__proto__": {"polluted": true}}') as Json;
  const result = applyMergePatch({ a: 1 }, patch);
  expect(JSON.stringify(result)).toBe('{"a":1,"__proto__":{"polluted":true}}');
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

test("where there is a difference as a patch, it leads from the one to the other", () => {
  let found = 0;
  const property = fc.property(json, json, (from, to) => {
    const patch = diffMergePatch(from, to);
    if (patch === undefined) return;
    found++;
    expect(equal(applyMergePatch(from, patch), to)).toBe(true);
  });
  fc.assert(property, { numRuns: 1_000 });
  expect(found).toBeGreaterThan(300);
});

test("there is none only where a member becomes null", () => {
  const hasNull = (value: Json): boolean =>
    typeof value === "object" && (value === null || Object.values(value).some(hasNull));
  const property = fc.property(json, json, (from, to) => diffMergePatch(from, to) !== undefined || hasNull(to));
  fc.assert(property, { numRuns: 1_000 });
});

test("nothing but what differs is in it", () => {
  expect(diffMergePatch({ a: 1, b: { c: 2, d: 3 }, e: [1] }, { a: 1, b: { c: 2, d: 4 }, e: [1] })).toEqual({
    b: { d: 4 },
  });
});
