// The demo page as a reader meets it: by what it shows and by its labels.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { launchOptions } from "../../js/launch.mjs";

const waitLimitMs = 20_000;

/** One device's half of the page. */
class Pane {
  constructor(page, name) {
    this.name = name;
    this.page = page;
    this.root = page.getByRole("region", { name, exact: true });
    this.badge = this.root.locator('[data-part="badge"]');
    this.cart = this.root.getByRole("list", { name: `Cart on ${name}` });
    this.articles = this.cart.getByRole("listitem");
    this.input = this.root.getByRole("textbox", { name: `Add to the cart on ${name}` });
    this.addButton = this.root.getByRole("button", { name: "Add", exact: true });
    this.waiting = this.root.locator('[data-part="cart-waiting"]');
    this.place = this.root.locator('[data-part="draft-place"]');
    this.continueButton = this.root.getByRole("button", { name: "Continue here" });
    this.discardButton = this.root.getByRole("button", { name: "Discard" });
    this.sessions = this.root.getByRole("list", { name: `Signed-in devices, seen from ${name}` }).getByRole("listitem");
    this.othersButton = this.root.getByRole("button", { name: "Sign out all other devices" });
    this.signInButton = this.root.getByRole("button", { name: "Sign in again" });
    this.facts = this.root.locator('[data-part="ended-facts"]');
    this.wiped = this.root.locator('[data-part="ended-wiped"]');
    this.feed = this.root.getByRole("log", { name: `What happened on ${name}` });
    this.notices = this.feed.locator(".notice");
    this.cutButton = this.root.getByRole("button", { name: "Cut the wire" });
    this.mendButton = this.root.getByRole("button", { name: "Mend the wire" });
    this.versions = this.root.locator('[data-part="versions"]');
  }

  async add(article) {
    await this.input.fill(article);
    await this.addButton.click();
  }

  async press(label) {
    await this.root.getByRole("button", { name: label, exact: true }).click();
  }

  field(label) {
    return this.root.getByRole("textbox", { name: `${label} on ${this.name}` });
  }

  /** Waits until the cart is exactly this: "2 Beans, 1 Tea". */
  async hasCart(expected) {
    await shows(this.page, async () => (await this.lines()).join(", "), expected);
  }

  async lines() {
    return this.articles.evaluateAll((rows) =>
      rows.map((row) => `${row.querySelector("output").textContent} ${row.querySelector(".item-name").textContent}`),
    );
  }

  /** The articles that look unconfirmed. */
  async unconfirmed() {
    return this.cart.locator('[data-waiting="true"] .item-name').allTextContents();
  }

  async hasField(label, expected) {
    await shows(this.page, () => this.field(label).inputValue(), expected);
  }

  async hasSessions(...names) {
    await shows(this.page, async () => (await this.sessionNames()).sort().join(), [...names].sort().join());
  }

  async sessionNames() {
    return this.sessions.locator('[data-part="session-name"]').allTextContents();
  }

  session(name) {
    return this.sessions.filter({ hasText: name });
  }

  /** A sentence of what happened, once it is there. */
  async says(pattern) {
    const found = this.feed.locator(".entry", { hasText: pattern }).first();
    await found.waitFor();
    return found.textContent();
  }

  async isLive() {
    await this.badge.getByText("Live", { exact: true }).waitFor();
  }

  async isSignedOut() {
    await this.badge.getByText("Signed out", { exact: true }).waitFor();
    await this.signInButton.waitFor();
  }
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

/** Runs `scenario` on the page with both devices up; fails also on whatever the browser itself complained of. */
export async function withDemo(url, scenario, options = {}) {
  await withBrowser(url, options, async (demo) => {
    await Promise.all([demo.laptop.isLive(), demo.phone.isLive()]);
    await convergenceIs(demo.page, /^Both devices hold version 0 of the cart/);
    await scenario(demo);
    assert.deepEqual(demo.complaints, []);
  });
}

/** Runs `scenario` on the page as it comes. */
export async function withBrowser(url, options, scenario) {
  const browser = await chromium.launch(launchOptions);
  try {
    const context = await browser.newContext(options);
    await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: url });
    const complaints = [];
    const open = () => openDemo(context, url, complaints);
    await scenario({ open, complaints, ...(await open()) });
  } finally {
    await browser.close();
  }
}

/** The page in a tab of its own. */
async function openDemo(context, url, complaints) {
  const page = await context.newPage();
  page.setDefaultTimeout(waitLimitMs);
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(`${url}/demo`);
  return { page, laptop: new Pane(page, "Ada's laptop"), phone: new Pane(page, "Ada's phone") };
}

export async function convergenceIs(page, sentence) {
  await page.locator('[data-part="convergence"]', { hasText: sentence }).waitFor();
}
