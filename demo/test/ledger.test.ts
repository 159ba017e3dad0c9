import assert from "node:assert/strict";
import { test } from "node:test";
import { Ledger } from "../src/ledger.js";

function ledgerAt(offset: number, ...recorded: number[]): Ledger {
  const ledger = new Ledger();
  ledger.beginAt("epoch", offset);
  recorded.forEach((each) => ledger.record(each));
  return ledger;
}

test("consecutive offsets are sound", () => {
  const ledger = ledgerAt(4, 5, 6, 7);
  assert.equal(ledger.describe(), "in order, no gaps");
  assert.equal(ledger.isSound, true);
  assert.equal(ledger.seen, 3);
});

test("a jump is a gap with its exact ends", () => {
  const ledger = ledgerAt(0, 1, 2);
  assert.equal(ledger.record(6), "gap");
  assert.deepEqual(ledger.gaps, [{ from: 3, to: 5 }]);
  assert.equal(ledger.missingCount, 3);
  assert.equal(ledger.describe(), "missing offsets 3 to 5");
});

test("an offset seen twice is a duplicate", () => {
  const ledger = ledgerAt(0, 1, 2);
  assert.equal(ledger.record(2), "duplicate");
  assert.equal(ledger.describe(), "offset 2 arrived twice");
  assert.equal(ledger.last, 2);
});

test("an offset from before the start is a duplicate", () => {
  assert.equal(ledgerAt(9).record(9), "duplicate");
});

test("a late offset fills its gap but spoils the order", () => {
  const ledger = ledgerAt(0, 1, 5);
  assert.equal(ledger.record(3), "late");
  assert.deepEqual([...ledger.gaps].sort((a, b) => a.from - b.from), [
    { from: 2, to: 2 },
    { from: 4, to: 4 },
  ]);
  assert.equal(ledger.isSound, false);
  assert.match(ledger.describe(), /missing offset 2, missing offset 4, offset 3 arrived late/);
});

test("a gap that is filled altogether leaves only the disorder", () => {
  assert.equal(ledgerAt(0, 2, 1).describe(), "offset 1 arrived late");
});

test("beginning again forgets", () => {
  const ledger = ledgerAt(0, 3, 3);
  ledger.beginAt("other", 10);
  assert.equal(ledger.isSound, true);
  assert.equal(ledger.record(11), "next");
});

test("whatever is recorded, seen and missing add up to the distance covered", () => {
  // A fixed linear congruential generator: the same 2,000 sequences in every run.
  let state = 1;
  const random = (below: number) => (state = (state * 48271) % 2147483647) % below;
  for (let round = 0; round < 2000; round += 1) {
    const start = random(5);
    const ledger = ledgerAt(start);
    const distinct = new Set<number>();
    for (let step = 0; step < 12; step += 1) {
      const offset = 1 + random(14);
      if (offset > start) distinct.add(offset);
      ledger.record(offset);
    }
    assert.equal(ledger.seen, distinct.size);
    assert.equal(ledger.seen + ledger.missingCount, ledger.last - ledger.start);
  }
});
