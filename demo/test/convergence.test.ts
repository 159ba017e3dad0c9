import assert from "node:assert/strict";
import { test } from "node:test";
import { compareDevices, type Holding } from "../src/convergence.js";
import { canonical, fingerprint } from "../src/fingerprint.js";

const value = { items: { tea: { name: "Tea", quantity: 1 } } };

function holding(name: string, changes: Partial<Holding> = {}): Holding {
  return { name, phase: "held", version: 7, waiting: 0, value, ...changes };
}

function compare(left: Partial<Holding>, right: Partial<Holding>) {
  return compareDevices(holding("Laptop", left), holding("Phone", right));
}

test("the same version and the same document is said with both", () => {
  const { state, sentence } = compare({}, { value: { items: { tea: { quantity: 1, name: "Tea" } } } });
  assert.equal(state, "same");
  assert.equal(sentence, `Both devices hold version 7 of the cart, fingerprint ${fingerprint(value)}`);
});

test("the same version with another document is not passed off as the same", () => {
  const { state, sentence } = compare({}, { value: { items: {} } });
  assert.equal(state, "apart");
  assert.equal(sentence, "Version 7 of the cart differs between the devices");
});

test("whoever is behind is named, with what waits", () => {
  assert.equal(compare({}, { version: 6 }).sentence, "Phone is 1 version behind Laptop");
  assert.equal(
    compare({ version: 2, waiting: 1 }, { waiting: 3 }).sentence,
    "Laptop is 5 versions behind Phone; 1 edit of Laptop waits; 3 edits of Phone wait",
  );
});

test("edits that wait keep devices apart although both know the same version", () => {
  const { state, sentence } = compare({ waiting: 2 }, {});
  assert.equal(state, "apart");
  assert.equal(sentence, "Both devices know version 7 of the cart; 2 edits of Laptop wait");
});

test("a device that loads or is signed out is compared with nothing", () => {
  assert.equal(compare({ phase: "loading" }, {}).state, "waiting");
  const { state, sentence } = compare({}, { phase: "signed_out", version: 0, value: undefined });
  assert.equal(state, "waiting");
  assert.equal(sentence, "Phone is signed out and holds nothing; Laptop holds version 7 of the cart");
  assert.equal(compare({ phase: "signed_out" }, { phase: "signed_out" }).sentence, "Both devices are signed out");
});

test("a fingerprint is of the document, not of the order it was written in", () => {
  assert.equal(canonical({ b: [1, { d: null, c: "x" }], a: true }), '{"a":true,"b":[1,{"c":"x","d":null}]}');
  assert.equal(fingerprint({ a: 1, b: 2 }), fingerprint({ b: 2, a: 1 }));
  assert.notEqual(fingerprint({ a: 1 }), fingerprint({ a: "1" }));
  assert.notEqual(fingerprint(undefined), fingerprint(null));
});

test("the fingerprint is FNV-1a", () => {
  // By the definition of the algorithm, with exact integers, of the two bytes of "42".
  const step = (hash: bigint, byte: bigint) => ((hash ^ byte) * 0x01000193n) & 0xffffffffn;
  assert.equal(fingerprint(42), step(step(0x811c9dc5n, 0x34n), 0x32n).toString(16).padStart(8, "0"));
});
