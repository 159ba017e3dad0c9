import assert from "node:assert/strict";
import { test } from "node:test";
import { SynclineError } from "syncline";
import { curlLine } from "../src/curl.js";
import { describeClose, describeEnding, isKnownEnding } from "../src/ending.js";
import { ago, plural, reasonOf } from "../src/sentences.js";
import { describeSession } from "../src/session_row.js";

const minuteMs = 60_000;

const session = {
  id: "s",
  device_id: "d",
  name: "Ada's phone",
  platform: "Phone",
  address: "127.0.0.1",
  method: "password",
  created_at: 0,
  last_seen_at: 118 * minuteMs,
  expires_at: 0,
};

test("times are told as people would", () => {
  const day = 24 * 60 * minuteMs;
  assert.deepEqual(
    [0, 59_999, minuteMs, 59 * minuteMs, 60 * minuteMs, day - 1, day, 3 * day].map((ageMs) => ago(1_000, 1_000 + ageMs)),
    ["just now", "just now", "1 min ago", "59 min ago", "1 h ago", "23 h ago", "1 day ago", "3 days ago"],
  );
  assert.equal(ago(5, 1), "just now"); // the server's clock is ahead
  assert.equal(plural(1, "edit"), "1 edit");
});

test("a session that is connected says so, one that is not when it was last seen", () => {
  const nowMs = 120 * minuteMs;
  const online = describeSession({ ...session, connections: 2 }, nowMs);
  assert.equal(online.state, "online");
  assert.equal(online.detail, "Phone · 2 live connections · signed in 2 h ago");
  const offline = describeSession(session, nowMs);
  assert.equal(offline.state, "offline");
  assert.equal(offline.detail, "Phone · offline, last seen 2 min ago · signed in 2 h ago");
});

test("a session without a name or a platform has a title and a picture all the same", () => {
  const { title, picture, detail } = describeSession({ ...session, name: "", platform: "" }, 0);
  assert.deepEqual([title, picture], ["Unnamed device", "laptop"]);
  assert.doesNotMatch(detail, /^ ·/);
});

test("every reason of the contract is a sentence; what is none means signing in again", () => {
  const reasons = ["logout", "revoked", "password_changed", "refresh_reused", "administrator", "disabled", "session_limit", "expired"];
  for (const reason of [...reasons, "identity_provider", "session_revoked"]) {
    assert.equal(isKnownEnding(reason), true, reason);
    assert.doesNotMatch(describeEnding(reason), new RegExp(`\\(${reason}\\)`));
  }
  for (const reason of ["refresh_token_invalid", "toString"]) assert.equal(isKnownEnding(reason), false);
  assert.equal(describeEnding("toString"), "The session is over (toString).");
});

test("a close is told with its code, unless the device closed the connection itself", () => {
  assert.equal(describeClose({ reason: "revoked", code: 3590, codeReason: "session revoked" }), "Close code 3590, session revoked");
  assert.equal(describeClose({ reason: "revoked", code: 3590, codeReason: "" }), "Close code 3590");
  assert.equal(describeClose({ reason: "logout", code: 1005, codeReason: "" }), "");
});

test("a failure says why, and when to try again", () => {
  assert.equal(reasonOf(new SynclineError(429, "too_many_attempts", "", "", 30)), "too_many_attempts, try again in 30 s");
  assert.equal(reasonOf(new SynclineError(404, "not_found")), "not_found");
  assert.equal(reasonOf("plain"), "plain");
});

test("the curl line survives a quote in the key", () => {
  const config = { channel: "demo:notices", api_key: "it's", api_path: "/api" };
  assert.equal(
    curlLine("http://localhost:8000", config, "42"),
    `curl -X POST http://localhost:8000/api/publish -H 'X-API-Key: it'\\''s' ` +
      `-d '{"channel":"demo:notices#42","data":{"text":"Your transfer was booked","from":"backend"}}'`,
  );
});
