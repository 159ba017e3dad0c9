import { afterEach, beforeEach, expect, test } from "vitest";
import type { Json } from "../src/json.js";
import { ElectedWire } from "../src/link/elected-wire.js";
import { Link } from "../src/link/link.js";
import type { TokenAnswer } from "../src/link/messages.js";
import { holdTabLock } from "../src/link/open-wire.js";
import { FakeBrowser } from "./browser.js";
import { MiniHub } from "./mini-hub.js";
import { eventually } from "./patience.js";

let browser: FakeBrowser;
let hub: MiniHub;
let links: Link[];

beforeEach(() => {
  browser = new FakeBrowser();
  hub = new MiniHub();
  links = [];
});

afterEach(() => {
  for (const link of links) link.close();
});

async function openTab(
  tab: string,
  token: (stale: string) => Promise<TokenAnswer> = async () => ({ token: "t" }),
): Promise<Link> {
  const { locks, openBroadcast } = browser.tab(tab, fetch);
  if (!locks || !openBroadcast) throw new Error("no browser");
  await holdTabLock(locks, tab);
  const wire = new ElectedWire("name", tab, locks, openBroadcast, {
    websocket: hub.socketClass(tab),
    minReconnectDelay: 5,
    maxReconnectDelay: 20,
  });
  const link = new Link(wire, { websocketUrl: "ws://hub", isLocked: true, token: (_channel, stale) => token(stale) });
  links.push(link);
  link.start();
  await eventually(() => link.state === "connected", `${tab} is connected`);
  return link;
}

interface Followed {
  data: Json[];
  recovered: boolean[];
  stop: () => void;
}

function follow(link: Link, channel: string): Followed {
  const followed: Followed = { data: [], recovered: [], stop: () => undefined };
  followed.stop = link.follow(channel, {
    publication: ({ data }) => followed.data.push(data),
    subscribed: ({ recovered }) => followed.recovered.push(recovered),
  });
  return followed;
}

function kill(tab: string): void {
  browser.kill(tab);
  hub.kill(tab);
}

test("tabs share one connection and one subscription", async () => {
  const tabs = [await openTab("a"), await openTab("b"), await openTab("c")];
  const followed = tabs.map((link) => follow(link, "news"));
  await eventually(() => followed.every(({ recovered }) => recovered.length > 0), "all are subscribed");
  hub.publish("news", 1);
  await eventually(() => followed.every(({ data }) => data.length === 1), "all have it");
  expect(hub.connected).toBe(1);
  expect(hub.subscribers("news")).toBe(1);
});

test("a subscription lasts as long as one tab wants it, alive", async () => {
  const a = await openTab("a");
  const b = await openTab("b");
  await openTab("c");
  const [ofA, ofB] = [follow(a, "news"), follow(b, "news")];
  await eventually(() => ofB.recovered.length > 0, "b is subscribed");
  ofA.stop();
  expect(hub.subscribers("news")).toBe(1);
  kill("b");
  await eventually(() => hub.subscribers("news") === 0, "the dead tab's subscription ends");
});

test("when the leader dies another tab connects, and nobody misses anything", async () => {
  await openTab("a");
  const others = [await openTab("b"), await openTab("c"), await openTab("d")];
  const followed = others.map((link) => follow(link, "news"));
  await eventually(() => followed.every(({ recovered }) => recovered.length > 0), "all are subscribed");
  hub.publish("news", 1);
  await eventually(() => followed.every(({ data }) => data.length === 1), "all have the first");
  kill("a");
  hub.publish("news", 2);
  await eventually(() => followed.every(({ data }) => data.length === 2), "all have what came meanwhile");
  hub.publish("news", 3);
  await eventually(() => followed.every(({ data }) => data.length === 3), "all have what came after");
  expect(followed.map(({ data }) => data)).toEqual([
    [1, 2, 3],
    [1, 2, 3],
    [1, 2, 3],
  ]);
  expect(followed.every(({ recovered }) => recovered.at(-1))).toBe(true);
  expect(hub.sockets.size).toBe(1);
});

test("calls under way when the leader dies fail as unanswered", async () => {
  await openTab("a");
  const b = await openTab("b");
  hub.rpc = () => {
    kill("a");
    return null;
  };
  await expect(b.rpc("state.get", {})).rejects.toMatchObject({ status: 0, isTemporary: true });
});

test("an expired token is refreshed by the tabs, once for all", async () => {
  let asked = 0;
  const refreshing = async (stale: string): Promise<TokenAnswer> => ({
    token: stale === "old" ? `new ${++asked}` : "old",
  });
  await openTab("a", refreshing);
  await openTab("b", refreshing);
  hub.expired.add("old");
  hub.closeAll(3005, "connection expired");
  await eventually(() => hub.connected === 3 && hub.sockets.size === 1, "it is connected anew");
  await eventually(() => links.every(({ state }) => state === "connected"), "all know");
});

test("all tabs learn that the session is revoked, and nobody connects again", async () => {
  const tabs = [await openTab("a"), await openTab("b")];
  const codes: number[] = [];
  for (const link of tabs) link.on("state", ({ code }) => codes.push(code));
  hub.closeAll(3590, "session revoked");
  await eventually(() => codes.length === 2, "both know");
  expect(codes).toEqual([3590, 3590]);
  expect(hub.sockets.size).toBe(0);
});

test("an error of an rpc keeps its code", async () => {
  const link = await openTab("a");
  hub.rpc = () => ({ error: { code: 413, message: "quota_exceeded" } });
  await expect(link.rpc("state.replace", {})).rejects.toMatchObject({
    status: 413,
    code: "quota_exceeded",
    isTemporary: false,
  });
  hub.rpc = () => ({ error: { code: 503, message: "unavailable", temporary: true } });
  await expect(link.rpc("state.replace", {})).rejects.toMatchObject({ status: 503, isTemporary: true });
});
