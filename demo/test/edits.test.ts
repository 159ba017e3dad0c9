import assert from "node:assert/strict";
import { test } from "node:test";
import type { Outcome } from "syncline";
import { CatchUp } from "../src/catch_up.js";
import { Edits } from "../src/edits.js";

/** Edits of one line, and the way to end each. */
function made(edits: Edits, key: string): (outcome: Outcome) => Promise<void> {
  let settle: (outcome: Outcome) => void = () => undefined;
  edits.follow(key, new Promise((resolve) => (settle = resolve)), () => undefined);
  return async (outcome) => {
    settle(outcome);
    await new Promise((resolve) => setTimeout(resolve));
  };
}

test("a line waits until each of its edits has an outcome", async () => {
  const edits = new Edits();
  const first = made(edits, "tea");
  const second = made(edits, "tea");
  const other = made(edits, "jam");
  assert.equal(edits.count, 3);
  await first({ accepted: true, version: 1 });
  assert.equal(edits.waitingFor("tea"), 1);
  await second({ accepted: false, error: new Error("no") });
  assert.equal(edits.waitingFor("tea"), 0);
  await other({ accepted: true, version: 2 });
  assert.equal(edits.count, 0);
});

test("a report tells what came in from what went out", async () => {
  const edits = new Edits();
  await made(edits, "tea")({ accepted: true, version: 3 });
  const catchUp = new CatchUp(edits, 3);
  const first = made(edits, "tea");
  const second = made(edits, "jam");
  await first({ accepted: true, version: 6 });
  await second({ accepted: true, version: 6 }); // both went out as one
  assert.equal(catchUp.report(6), "cart version 3 → 6: 2 changes came in, 1 went out, nothing was lost");
});

test("a refused edit is no version", async () => {
  const edits = new Edits();
  await made(edits, "tea")({ accepted: false, error: new Error("no") });
  assert.equal(new CatchUp(edits, 3).report(4), "cart version 3 → 4: 1 change came in, 0 went out, nothing was lost");
});

test("nothing missed is said plainly", () => {
  assert.equal(new CatchUp(new Edits(), 3).report(3), "nothing was missed: the cart is still at version 3");
});
