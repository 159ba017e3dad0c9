// The demo page as a reader meets it: by what it shows and by its labels.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const waitLimitMs = 20_000;

const chromiumFlags = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** One client's half of the page. */
class Pane {
  constructor(page, user) {
    this.name = user.charAt(0).toUpperCase() + user.slice(1);
    this.root = page.getByRole("region", { name: `${this.name}'s client` });
    this.badge = this.root.getByRole("status");
    this.people = this.root.getByRole("list", { name: `Who ${this.name} sees here` }).getByRole("listitem");
    this.feed = this.root.getByRole("log", { name: `Messages ${this.name} received` });
    this.messages = this.feed.locator(".message");
    this.input = this.root.getByRole("textbox", { name: `Message as ${this.name}` });
    this.sendButton = this.root.getByRole("button", { name: "Send", exact: true });
    this.burstButton = this.root.getByRole("button", { name: "Send 5" });
    this.cutButton = this.root.getByRole("button", { name: "Cut the wire" });
    this.mendButton = this.root.getByRole("button", { name: "Mend the wire" });
    this.verdict = this.root.locator('[data-part="verdict"]');
  }

  async send(text) {
    await this.input.fill(text);
    await this.sendButton.click();
  }

  /** The one message with exactly this text, once it is there. */
  async message(text) {
    const found = this.messages.filter({ has: this.root.page().locator(".text", { hasText: exactly(text) }) });
    await found.waitFor();
    return found;
  }

  async note(pattern) {
    const found = this.feed.locator(".note", { hasText: pattern }).last();
    await found.waitFor();
    return found.textContent();
  }

  async isSeeing(...names) {
    await shows(this.people.page(), async () => (await this.people.allTextContents()).join(), names.join());
  }

  async isLive() {
    await this.badge.getByText("Live", { exact: true }).waitFor();
  }

  /** Offset and arrival of each message shown, in the order shown. */
  async arrivals() {
    return this.messages.evaluateAll((entries) =>
      entries.map((entry) => ({
        text: entry.querySelector(".text").textContent,
        offset: Number(entry.dataset.offset),
        arrival: entry.dataset.arrival,
      })),
    );
  }
}

function exactly(text) {
  return new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`);
}

/** Waits, by the browser's own frames, until `read` gives `expected`; says what it gave instead when it never does. */
async function shows(page, read, expected) {
  const deadline = performance.now() + waitLimitMs;
  let seen = await read();
  while (seen !== expected && performance.now() < deadline) {
    await page.evaluate(() => new Promise(requestAnimationFrame));
    seen = await read();
  }
  assert.equal(seen, expected);
}

/** Runs `scenario` on a page of its own; fails also on whatever the browser itself complained of. */
export async function withDemo(url, scenario, options = {}) {
  const executablePath = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
  const browser = await chromium.launch({ executablePath, args: chromiumFlags });
  try {
    const context = await browser.newContext(options);
    await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: url });
    const page = await context.newPage();
    page.setDefaultTimeout(waitLimitMs);
    const complaints = [];
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.goto(`${url}/demo`);
    const demo = { page, url, ada: new Pane(page, "ada"), grace: new Pane(page, "grace") };
    await Promise.all([demo.ada.isLive(), demo.grace.isLive()]);
    await scenario(demo);
    assert.deepEqual(complaints, []);
  } finally {
    await browser.close();
  }
}

export async function convergenceIs(page, sentence) {
  await page.locator('[data-part="convergence"]', { hasText: sentence }).waitFor();
}
