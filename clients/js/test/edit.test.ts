import fc from "fast-check";
import { expect, test } from "vitest";
import { attempt, contentOf, joined, type EditContent } from "../src/edit.js";
import { equal, type Json } from "../src/json.js";
import { json } from "./arbitrary.js";

const document = fc.option(json, { nil: undefined });
const content: fc.Arbitrary<EditContent> = fc.oneof(
  fc.record({ kind: fc.constant("merge" as const), patch: json }),
  fc.record({ kind: fc.constant("replace" as const), patch: json }),
  fc.constant<EditContent>({ kind: "remove" }),
);

function after(value: Json | undefined, ...edits: EditContent[]): Json | undefined {
  return edits.reduce((before, edit) => attempt(before, edit)?.value, value);
}

test("an edit that joins two does what both do, on whatever it meets", () => {
  let found = 0;
  const property = fc.property(document, content, content, document, (before, first, second, met) => {
    const both = joined(before, first, second);
    if (!both) return;
    found++;
    expect(equal(after(met, both), after(met, first, second))).toBe(true);
  });
  fc.assert(property, { numRuns: 2_000 });
  expect(found).toBeGreaterThan(500);
});

test("what a function computes becomes an edit that leads there, and none when it leads nowhere", () => {
  const property = fc.property(document, document, (before, next) => {
    const edit = contentOf(before, () => next);
    expect(edit === null).toBe(equal(before, next));
    if (edit) expect(equal(after(before, edit), next)).toBe(true);
  });
  fc.assert(property, { numRuns: 1_000 });
});
