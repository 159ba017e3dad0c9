import { beforeEach, expect, test } from "vitest";
import { Http } from "../src/http.js";
import type { TokenAnswer } from "../src/login.js";
import { MemoryStore, type Store } from "../src/store.js";
import { TokenKeeper } from "../src/token-keeper.js";
import { FakeBrowser } from "./browser.js";
import { eventually } from "./patience.js";

/** The part of the server that exchanges refresh tokens: each once, as its own would after the grace. */
class RefreshServer {
  requests = 0;
  isUnreachable = false;
  #refusal = "";
  #sid = "s1";
  #current = "r0";
  #last = 0;

  /** What the requests call the device. */
  readonly devices = new Set<string | undefined>();

  /** Of the user, as the server has it. */
  role: "CUSTOMER" | "VENDOR" = "CUSTOMER";

  answer(lifetimeS = 300): TokenAnswer {
    this.#current = `r${++this.#last}`;
    const user = { id: "u", email: "a@b.c", name: "", role: this.role, status: "active", created_at: 0 } as const;
    const session = { id: this.#sid, device_id: "this-device" } as TokenAnswer["session"];
    return { access_token: `t${this.#last}`, expires_in: lifetimeS, user, session, refresh_token: this.#current };
  }

  refuse(code: string): void {
    this.#refusal = code;
  }

  switchTo(sid: string): void {
    this.#sid = sid;
  }

  fetch = async (_url: unknown, init?: RequestInit): Promise<Response> => {
    this.requests++;
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (this.isUnreachable) throw new TypeError("fetch failed");
    const { refresh_token: given, device_id: device } = JSON.parse(String(init?.body)) as Record<string, string>;
    this.devices.add(device);
    const refusal = given === undefined || given === this.#current ? this.#refusal : "refresh_token_invalid";
    if (refusal) return Response.json({ code: refusal }, { status: 401 });
    return Response.json(this.answer());
  };
}

let browser: FakeBrowser;
let server: RefreshServer;
let store: Store;

beforeEach(() => {
  browser = new FakeBrowser();
  server = new RefreshServer();
  store = new MemoryStore();
});

async function keeper(tab: string, mode: "cookie" | "token" = "token"): Promise<TokenKeeper & { reasons: string[] }> {
  const around = browser.tab(tab, server.fetch as typeof fetch);
  const made = new TokenKeeper(new Http("http://hub", around.fetch), mode, store, around, "http://hub");
  const reasons: string[] = [];
  made.on("ended", ({ reason }) => reasons.push(reason));
  await made.restore();
  return Object.assign(made, { reasons });
}

async function loggedIn(
  count: number,
  mode: "cookie" | "token" = "token",
): Promise<(TokenKeeper & { reasons: string[] })[]> {
  const first = await keeper("tab 0", mode);
  await first.adopt(server.answer());
  const rest = await Promise.all(Array.from({ length: count - 1 }, (_, i) => keeper(`tab ${i + 1}`, mode)));
  server.requests = 0;
  return [first, ...rest];
}

test("a tab that is opened is given the token of the others", async () => {
  const [first, second] = await loggedIn(2);
  expect(await second?.token()).toBe(await first?.token());
  expect(server.requests).toBe(0);
});

test("twenty tabs that refresh at once make one request, and get the same token", async () => {
  const tabs = await loggedIn(20);
  const stale = await tabs[0]?.token();
  const tokens = await Promise.all(tabs.map((tab) => tab.token(stale)));
  expect(new Set(tokens)).toEqual(new Set(["t2"]));
  expect(server.requests).toBe(1);
  expect(tabs.flatMap(({ reasons }) => reasons)).toEqual([]);
});

test("a tab that dies while it refreshes leaves the turn to the next", async () => {
  const [dying, other] = await loggedIn(2);
  const stale = (await dying?.token()) ?? "";
  void dying?.token(stale).catch(() => undefined);
  await Promise.resolve();
  browser.kill("tab 0");
  server.isUnreachable = true;
  await expect(other?.token(stale)).rejects.toMatchObject({ isTemporary: true });
  server.isUnreachable = false;
  expect(other?.login).not.toBeNull();
});

test("in token mode the store has the refresh token that the last tab got, and no channel does", async () => {
  const [first, second] = await loggedIn(2);
  const token = await first?.token(await first.token());
  expect(await second?.token(token)).toBe("t3");
  expect((await store.get("http://hub|login")) as object).toMatchObject({ refreshToken: "r3" });
  const told = JSON.stringify(browser.messages);
  expect(told).toContain("t3");
  expect(told).not.toMatch(/r\d|refreshToken/);
});

test.each(["refresh_token_invalid", "session_revoked"])(
  "%s ends the session in all tabs, and in the store",
  async (code) => {
    const tabs = await loggedIn(3);
    server.refuse(code);
    await expect(tabs[1]?.token("t1")).rejects.toMatchObject({ name: "LoggedOutError", reason: code });
    await eventually(() => tabs.every(({ reasons }) => reasons.length === 1), "all are logged out");
    expect(tabs.map(({ reasons }) => reasons)).toEqual([[code], [code], [code]]);
    expect(await store.get("http://hub|login")).toBeUndefined();
    await expect(tabs[2]?.token()).rejects.toMatchObject({ name: "LoggedOutError" });
  },
);

test("a server that does not answer logs nobody out", async () => {
  const [tab] = await loggedIn(1);
  server.isUnreachable = true;
  await expect(tab?.token("t1")).rejects.toMatchObject({ status: 0, isTemporary: true });
  const reopened = await keeper("tab 9");
  expect(reopened.login?.user.id).toBe("u");
  server.isUnreachable = false;
  expect(await reopened.token()).toMatch(/^t/);
});

test("a log-in in one tab is that of all, and ends the one before", async () => {
  const tabs = await loggedIn(3);
  server.switchTo("s2");
  await tabs[2]?.adopt(server.answer());
  await eventually(() => tabs.every(({ login }) => login?.session.id === "s2"), "all have the new one");
  expect(tabs.map(({ reasons }) => reasons)).toEqual([["replaced"], ["replaced"], ["replaced"]]);
});

test("a cookie that has become that of another log-in is noticed", async () => {
  const [tab] = await loggedIn(1, "cookie");
  server.switchTo("s2");
  await tab?.token("t1");
  expect(tab?.reasons).toEqual(["replaced"]);
  expect(tab?.login?.session.id).toBe("s2");
});

test("who knows why the session ends tells the others before it does", async () => {
  const [first, second] = await loggedIn(2);
  first?.expectEnd("logout");
  await Promise.resolve();
  await second?.end("session_revoked");
  expect(second?.reasons).toEqual(["logout"]);
});

test("what a refresh tells of the user is told on, in all tabs, when it is something new", async () => {
  const tabs = await loggedIn(2);
  const roles: string[] = [];
  for (const tab of tabs) tab.on("changed", ({ user }) => roles.push(user.role));
  await tabs[0]?.token("t1");
  server.role = "VENDOR";
  const stale = await tabs[0]?.token();
  await tabs[0]?.token(stale);
  await eventually(() => roles.length === 2, "both tell");
  expect(roles).toEqual(["VENDOR", "VENDOR"]);
});

test("a token is refreshed before it ends, without being asked for", async () => {
  const tab = await keeper("tab 0");
  await tab.adopt(server.answer(1));
  await eventually(() => server.requests === 1, "it is refreshed");
  expect(tab.login).not.toBeNull();
  tab.close();
});

test.each(["cookie", "token"] as const)("in mode %s a refresh names the session's device", async (mode) => {
  const [tab] = await loggedIn(1, mode);
  await tab?.token(await tab.token());
  expect([...server.devices]).toEqual(["this-device"]);
});
