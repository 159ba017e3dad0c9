// The console as an operator meets it: by what it shows and by its labels.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { launchOptions } from "../../js/launch.mjs";

const waitLimitMs = 20_000;

/** What the browser says by itself when a request is refused, which the scenario is about. */
export const refusedRequest = /Failed to load resource: the server responded with a status of 4\d\d/;

/** A message was on its way while the server closed the connection, as it does after a log-out: nobody's fault. */
const lateMessage = /^WebSocket is already in CLOSING or CLOSED state\.$/;

/** Runs `scenario` on the page of `hub`; fails also on whatever the browser itself complained of. */
export async function withConsole(hub, scenario, { expected = [], ...options } = {}) {
  const browser = await chromium.launch(launchOptions);
  const complaints = [];
  try {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: "light", ...options });
    await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: hub.url });
    const page = await context.newPage();
    page.setDefaultTimeout(waitLimitMs);
    page.on("console", (message) => ["error", "warning"].includes(message.type()) && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(String(error.stack)));
    await scenario(page);
    const unexpected = complaints.filter((complaint) => ![lateMessage, ...expected].some((pattern) => pattern.test(complaint)));
    assert.deepEqual(unexpected, []);
  } catch (error) {
    if (process.env.CONSOLE_SCREENSHOTS) await failurePicture(browser);
    throw complaints.length ? new Error(`the browser complained: ${complaints.join("\n")}`, { cause: error }) : error;
  } finally {
    await browser.close();
  }
}

async function failurePicture(browser) {
  const pages = browser.contexts().flatMap((context) => context.pages());
  for (const page of pages) await page.screenshot({ path: join(process.env.CONSOLE_SCREENSHOTS, `failure-${process.argv[2]}.png`) });
}

/** The log-in page of the console. */
export async function openConsole(page, hub, hash = "") {
  await page.goto(`${hub.url}/console/${hash}`);
}

export async function logIn(page, { email, password }) {
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Log in" }).click();
}

/** The console at that place, with the operator logged in and the live connection up. */
export async function enter(page, hub, hash = "#/overview") {
  await openConsole(page, hub, hash);
  await logIn(page, hub.operator);
  await isLive(page);
}

export async function isLive(page) {
  await page.getByText("Live", { exact: true }).waitFor();
}

/** A page, by the navigation. */
export async function visit(page, title) {
  await page.getByRole("navigation", { name: "Console" }).getByRole("link", { name: title, exact: true }).click();
  await page.getByRole("heading", { level: 1, name: title }).waitFor();
}

/** Rows of a table by what they show, without its head. */
export function rows(page, label) {
  return page.getByRole("grid", { name: label }).locator("tbody").getByRole("row");
}

/** Waits, by the browser's own frames, until `read` gives `expected`; says what it gave instead when it never does. */
export async function shows(page, read, expected) {
  const deadline = performance.now() + waitLimitMs;
  let seen = await read();
  while (seen !== expected && performance.now() < deadline) {
    await page.evaluate(() => new Promise(requestAnimationFrame));
    seen = await read();
  }
  assert.equal(seen, expected);
}

const axeSource = readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe-core finds wrong with the page as it is. It comes in by the debugger: the page's policy lets no script in. */
export async function isAccessible(page) {
  await page.evaluate(await axeSource);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document));
  assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(" | ")}`), []);
}

export async function fitsWidth(page) {
  const { content, room } = await page.evaluate(() => {
    const main = document.querySelector("main");
    return { content: Math.max(document.documentElement.scrollWidth, main.scrollWidth), room: innerWidth };
  });
  assert.ok(content <= room, `${content} px of content in ${room} px: ${page.url()}`);
}

export async function picture(page, hub, name) {
  await page.screenshot({ path: join(hub.pictures, `${name}.png`) });
}

/** A call of the server API, as a backend makes it. */
export async function serverApi(hub, method, body, url = hub.url) {
  const headers = { "X-API-Key": hub.apiKey, "Content-Type": "application/json" };
  const response = await fetch(`${url}/api/${method}`, { method: "POST", headers, body: JSON.stringify(body) });
  assert.equal(response.status, 200);
  return (await response.json()).result;
}

/** A request of the REST API as the administrator. */
export async function asAdmin(hub, method, path, body) {
  const headers = { Authorization: `Bearer ${hub.adminToken}`, "Content-Type": "application/json" };
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  const response = await fetch(hub.url + path, { method, headers, ...sent });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}
