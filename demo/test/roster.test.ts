import assert from "node:assert/strict";
import { test } from "node:test";
import { curlLine } from "../src/curl.js";
import { Roster, displayName } from "../src/roster.js";

test("a user with two connections is one person until both are gone", () => {
  const roster = new Roster();
  roster.replace([{ client: "1", user: "grace" }]);
  roster.join({ client: "2", user: "ada" });
  roster.join({ client: "3", user: "ada" });
  roster.join({ client: "3", user: "ada" });
  assert.deepEqual(roster.people(), [
    { user: "ada", connections: 2 },
    { user: "grace", connections: 1 },
  ]);
  roster.leave({ client: "2", user: "ada" });
  roster.leave({ client: "3", user: "ada" });
  assert.deepEqual(roster.people(), [{ user: "grace", connections: 1 }]);
});

test("user ids are shown as names", () => {
  assert.equal(displayName("ada"), "Ada");
  assert.equal(displayName(""), "Anonymous");
});

test("the curl line survives a quote in the key", () => {
  const config = { channel: "demo:room", api_key: "it's", websocket_path: "/w", api_path: "/api" };
  assert.equal(
    curlLine("http://localhost:8000", config),
    `curl -X POST http://localhost:8000/api/publish -H 'X-API-Key: it'\\''s' ` +
      `-d '{"channel":"demo:room","data":{"text":"Hello from a backend","from":"backend"}}'`,
  );
});
