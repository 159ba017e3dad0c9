import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Json } from "../src/json.js";
import { Host } from "../src/link/host.js";
import type { FromHost } from "../src/link/messages.js";
import { MiniHub } from "./mini-hub.js";
import { eventually } from "./patience.js";

let hub: MiniHub;
let host: Host;
let messages: [tab: string, message: FromHost][];

beforeEach(() => {
  hub = new MiniHub();
  messages = [];
  host = new Host(post, null, { websocket: hub.socketClass("host"), minReconnectDelay: 5, maxReconnectDelay: 20 });
});

afterEach(() => host.close());

function post(tabs: string[], message: FromHost): void {
  for (const tab of tabs) messages.push([tab, message]);
  if (message.kind === "need_token")
    host.receive(tabs[0] ?? "", { kind: "token", id: message.id, answer: { token: "t" } });
}

function heard<K extends FromHost["kind"]>(tab: string, kind: K): Extract<FromHost, { kind: K }>[] {
  return messages.filter(([to, message]) => to === tab && message.kind === kind).map(([, message]) => message) as never;
}

function data(tab: string): Json[] {
  return heard(tab, "publication").map(({ publication }) => publication.data);
}

function attach(tab: string): void {
  host.receive(tab, { kind: "attach", url: "ws://hub", isLocked: false });
}

async function subscribed(
  tab: string,
  offset: number | null = null,
  epoch = "epoch of news",
): Promise<boolean | undefined> {
  const since = offset === null ? null : { epoch, offset };
  const before = heard(tab, "subscribed").length;
  host.receive(tab, { kind: "subscribe", channel: "news", options: {}, since });
  await eventually(() => heard(tab, "subscribed").length > before, `${tab} is subscribed`);
  return heard(tab, "subscribed").at(-1)?.recovered;
}

test("a tab that comes back behind the others gets what it missed; the others get nothing twice", async () => {
  attach("x");
  await subscribed("x");
  for (const message of [1, 2, 3]) hub.publish("news", message);
  await eventually(() => data("x").length === 3, "x has three");
  attach("y");
  expect(await subscribed("y", 1)).toBe(true);
  await eventually(() => data("y").length === 2, "y has the two that it missed");
  hub.publish("news", 4);
  await eventually(() => data("x").length === 4 && data("y").length === 3, "both have the fourth");
  expect(data("x")).toEqual([1, 2, 3, 4]);
  expect(data("y")).toEqual([2, 3, 4]);
  expect(hub.connected).toBe(1);
});

test("several that come back at once share one new subscription, from the earliest on", async () => {
  for (const message of [1, 2, 3]) hub.publish("news", message);
  for (const tab of ["x", "y", "z"]) attach(tab);
  const recovered = await Promise.all([subscribed("x", 3), subscribed("y", 1), subscribed("z", 2)]);
  expect(recovered).toEqual([true, true, true]);
  await eventually(() => data("y").length === 2 && data("z").length === 1, "y and z have what they missed");
  expect([data("x"), data("y"), data("z")]).toEqual([[], [2, 3], [3]]);
});

test("a tab of another epoch is told that it has missed something", async () => {
  attach("x");
  await subscribed("x");
  attach("y");
  expect(await subscribed("y", 7, "another")).toBe(false);
});

test("a tab without a position begins at the end of the channel", async () => {
  hub.publish("news", 1);
  attach("x");
  expect(await subscribed("x")).toBe(false);
  attach("y");
  expect(await subscribed("y")).toBe(false);
  hub.publish("news", 2);
  await eventually(() => data("y").length === 1, "y has the second");
  expect([data("x"), data("y")]).toEqual([[2], [2]]);
});

test("a cut connection recovers for all tabs", async () => {
  attach("x");
  attach("y");
  await Promise.all([subscribed("x"), subscribed("y")]);
  hub.closeAll(3001, "shutdown");
  hub.publish("news", 1);
  await eventually(() => data("x").length === 1 && data("y").length === 1, "both have what came meanwhile");
  expect(heard("x", "subscribed").at(-1)?.recovered).toBe(true);
  expect(heard("y", "subscribed").at(-1)?.recovered).toBe(true);
});

test("a refusal is told, and asked again for the next tab that comes", async () => {
  hub.refused.add("news");
  attach("x");
  host.receive("x", { kind: "subscribe", channel: "news", options: {}, since: null });
  await eventually(() => heard("x", "unsubscribed").length === 1, "x is refused");
  expect(heard("x", "unsubscribed")[0]).toMatchObject({ code: 103, reason: "permission denied" });
  hub.refused.clear();
  attach("y");
  await subscribed("y");
  await eventually(() => heard("x", "subscribed").length === 1, "x too");
});

test("the connection outlives the last tab for a moment only", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  attach("x");
  await vi.waitFor(() => expect(heard("x", "state").some(({ state }) => state === "connected")).toBe(true));
  host.detach("x");
  await vi.advanceTimersByTimeAsync(500);
  attach("y");
  await vi.advanceTimersByTimeAsync(5_000);
  expect(hub.sockets.size).toBe(1);
  host.detach("y");
  await vi.advanceTimersByTimeAsync(1_500);
  expect(hub.sockets.size).toBe(0);
  vi.useRealTimers();
});

test("without a session in any tab the connection ends", async () => {
  host.close();
  host = new Host(
    (tabs, message) => {
      for (const tab of tabs) messages.push([tab, message]);
      if (message.kind === "need_token") host.receive("x", { kind: "token", id: message.id, answer: "logged_out" });
    },
    null,
    { websocket: hub.socketClass("host") },
  );
  attach("x");
  await eventually(() => heard("x", "state").some(({ state }) => state === "disconnected"), "it is disconnected");
  expect(hub.connected).toBe(0);
});
