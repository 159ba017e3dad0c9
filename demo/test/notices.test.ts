import assert from "node:assert/strict";
import { test } from "node:test";
import { NoticeLog, noticeOf } from "../src/notices.js";

function notice(offset: number) {
  return noticeOf({ offset, data: { text: `notice ${offset}` } });
}

function offsets(notices: { offset: number }[]): number[] {
  return notices.map(({ offset }) => offset);
}

test("a notice may be any JSON", () => {
  assert.deepEqual(noticeOf({ offset: 1, data: { text: "hello", from: "ledger" } }), { offset: 1, text: "hello", from: "ledger" });
  for (const data of [null, 7, "plain", ["<b>"], { text: { deep: true }, from: 1 }, { text: "" }])
    assert.deepEqual(noticeOf({ offset: 2, data }), { offset: 2, text: JSON.stringify(data), from: "backend" });
});

test("the past comes first, also when the present was quicker", () => {
  const log = new NoticeLog();
  log.hold("e");
  assert.deepEqual(log.take(notice(4)), []);
  assert.deepEqual(offsets(log.release([notice(3), notice(2), notice(4)])), [2, 3, 4]);
  assert.deepEqual(offsets(log.take(notice(5))), [5]);
});

test("what has been shown is not shown again", () => {
  const log = new NoticeLog();
  log.hold("e");
  log.release([notice(2)]);
  assert.deepEqual(log.take(notice(2)), []);
  log.hold("e");
  assert.deepEqual(offsets(log.release([notice(1), notice(2), notice(3)])), [3]);
});

test("a new log of the hub begins anew", () => {
  const log = new NoticeLog();
  log.hold("old");
  log.release([notice(9)]);
  log.hold("new");
  assert.deepEqual(offsets(log.release([notice(1)])), [1]);
});
