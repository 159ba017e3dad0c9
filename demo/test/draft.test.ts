import assert from "node:assert/strict";
import { test } from "node:test";
import { draftOf, draftPatch, emptyDraft, isEmpty, type DraftField } from "../src/draft.js";

test("a patch names the fields that were typed into, and where", () => {
  const typed = new Map<DraftField, string>([
    ["amount", "12"],
    ["recipient", "Grace"],
  ]);
  assert.deepEqual(draftPatch(typed, "Ada's phone"), {
    amount: "12",
    recipient: "Grace",
    touched: { field: "recipient", device: "Ada's phone" },
  });
});

test("a patch of one field leaves the rest as it is", () => {
  const before = { recipient: "Grace", amount: "12", touched: { field: "amount", device: "a" } };
  const after = draftOf({ ...before, ...draftPatch(new Map([["note", "hello"]]), "b") });
  assert.deepEqual(after, {
    fields: { recipient: "Grace", amount: "12", note: "hello" },
    touched: { field: "note", device: "b" },
  });
});

test("whatever is in the document, it is read as a form", () => {
  for (const document of [undefined, null, 7, "draft", [], {}, { recipient: { deep: true }, touched: "note" }])
    assert.deepEqual(draftOf(document), emptyDraft);
  for (const touched of [null, { field: "iban", device: "a" }, { field: "note", device: 1 }, { field: "toString", device: "a" }])
    assert.equal(draftOf({ touched }).touched, null);
});

test("a form is empty when every field is", () => {
  assert.equal(isEmpty(emptyDraft), true);
  assert.equal(isEmpty(draftOf({ note: " " })), false);
});
