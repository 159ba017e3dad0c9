import assert from "node:assert/strict";
import { test } from "node:test";
import { compareReaders } from "../src/convergence.js";
import { Ledger } from "../src/ledger.js";
import { Recovery, reportUnrecovered } from "../src/recovery.js";

function ledgerAt(epoch: string, offset: number): Ledger {
  const ledger = new Ledger();
  ledger.beginAt(epoch, offset);
  return ledger;
}

function recover(ledger: Ledger, ...offsets: number[]) {
  const recovery = new Recovery(ledger);
  for (const offset of offsets) {
    ledger.record(offset);
    recovery.countOne();
  }
  return recovery.report();
}

test("a complete recovery says from where to where", () => {
  const report = recover(ledgerAt("e", 12), 13, 14, 15);
  assert.equal(report.sentence, "recovered 3 missed messages, 0 lost (offset 12 → 15)");
  assert.equal(report.isComplete, true);
});

test("a recovery with a hole counts what is lost, whatever the server claimed", () => {
  const report = recover(ledgerAt("e", 12), 13, 16);
  assert.equal(report.sentence, "recovered 2 missed messages, 2 lost (offset 12 → 16)");
  assert.equal(report.isComplete, false);
});

test("an older hole is not blamed on this recovery", () => {
  const ledger = ledgerAt("e", 0);
  ledger.record(3);
  assert.equal(recover(ledger, 4).lost, 0);
});

test("nothing missed is said plainly", () => {
  assert.equal(recover(ledgerAt("e", 12)).sentence, "nothing was missed (still at offset 12)");
});

test("an unrecovered client is told how much is gone", () => {
  const report = reportUnrecovered(ledgerAt("e", 12), { epoch: "e", offset: 40 });
  assert.equal(report.isComplete, false);
  assert.equal(report.lost, 28);
  assert.match(report.sentence, /could not hand back all of 28 missed messages \(offset 12 → 40\)/);
});

test("a new log is not passed off as a count", () => {
  const report = reportUnrecovered(ledgerAt("old", 12), { epoch: "new", offset: 2 });
  assert.equal(report.isComplete, false);
  assert.match(report.sentence, /epoch old → new\); what was missed is unknown/);
});

test("two readers are compared by log, distance and soundness", () => {
  const compare = (left: Ledger, right: Ledger) =>
    compareReaders({ name: "Ada", ledger: left }, { name: "Grace", ledger: right });
  assert.equal(compare(new Ledger(), ledgerAt("e", 1)).state, "waiting");
  assert.equal(compare(ledgerAt("e", 7), ledgerAt("e", 7)).sentence, "Both clients are at offset 7 of the same log");
  assert.equal(compare(ledgerAt("e", 7), ledgerAt("e", 2)).sentence, "Grace is 5 messages behind Ada");
  assert.equal(compare(ledgerAt("e", 6), ledgerAt("e", 7)).sentence, "Ada is 1 message behind Grace");
  assert.equal(compare(ledgerAt("e", 7), ledgerAt("f", 7)).state, "apart");
  const gapped = ledgerAt("e", 0);
  gapped.record(7);
  assert.equal(compare(ledgerAt("e", 7), gapped).sentence, "The two clients have seen different messages");
});
