// Browsers with tabs, on a server that can be cut off. A browser is a context: cookies, storage and workers of its own.
import { eventually, patienceMs } from "../expect.mjs";

export class Tab {
  constructor(page, browser) {
    this.page = page;
    this.browser = browser;
  }

  /** Run something in the page; `app` is there. */
  run(work, argument) {
    return this.page.evaluate(work, argument);
  }

  async start() {
    return this.run(([url, way]) => app.start(url, way), [this.browser.world.hubUrl, this.browser.way]);
  }

  async reload() {
    await this.page.reload();
    return this.start();
  }

  close() {
    return this.page.close();
  }

  login(credentials) {
    return this.run((given) => app.client.login(given).then(({ email }) => email), credentials);
  }

  /** The value of a document, as JSON. */
  shown(key) {
    return this.run((name) => JSON.stringify(app.client.state(name).value), key);
  }

  async shows(key, value) {
    const expected = JSON.stringify(value);
    await eventually(
      async () => (await this.shown(key)) === expected,
      `${key} shows ${expected}, not ${await this.shown(key)}`,
    );
  }

  connected() {
    return eventually(() => this.run(() => app.client.connection === "connected"), "connected");
  }
}

export class Browser {
  tabs = [];
  /** Requests for new tokens that its tabs have made. */
  refreshes = 0;
  complaints = [];

  constructor(world, context, way) {
    this.world = world;
    this.context = context;
    this.way = way;
  }

  async tab() {
    const page = await this.context.newPage();
    page.setDefaultTimeout(patienceMs);
    page.on("pageerror", (error) => this.complaints.push(String(error.stack ?? error)));
    page.on("request", (request) => {
      if (request.url().endsWith("/v1/token/refresh") && request.method() === "POST") this.refreshes++;
    });
    await page.goto(this.world.pageUrl);
    const tab = new Tab(page, this);
    await tab.start();
    this.tabs.push(tab);
    return tab;
  }

  /** Tabs of somebody who is logged in. */
  async loggedInTabs(count) {
    const first = await this.tab();
    await first.login(this.world.credentials);
    await first.connected();
    const tabs = [first];
    while (tabs.length < count) tabs.push(await this.tab());
    for (const tab of tabs) await tab.connected();
    return tabs;
  }
}

let lastName = 0;

export class World {
  #browsers = [];

  constructor(chromium, { hubUrl, pageUrl }) {
    this.chromium = chromium;
    this.hubUrl = hubUrl;
    this.pageUrl = pageUrl;
    this.credentials = {
      email: `user-${Date.now().toString(36)}-${(lastName += 1)}@example.com`,
      password: "correct horse battery staple",
    };
  }

  async register() {
    await this.#post(`${this.hubUrl}/v1/accounts`, this.credentials);
  }

  /** How its tabs share a connection: "worker", "election" or "nothing", which is a browser without Web Locks. */
  async browser(way) {
    const context = await this.chromium.newContext();
    if (way === "nothing")
      await context.addInitScript(() => Object.defineProperty(Navigator.prototype, "locks", { value: undefined }));
    const browser = new Browser(this, context, way);
    this.#browsers.push(browser);
    return browser;
  }

  /** End all shared workers, of whichever browser. */
  async killWorkers() {
    const session = await this.chromium.newBrowserCDPSession();
    const { targetInfos } = await session.send("Target.getTargets");
    const workers = targetInfos.filter(({ type }) => type === "shared_worker");
    if (!workers.length) throw new Error("no shared worker is running");
    for (const { targetId } of workers) await session.send("Target.closeTarget", { targetId });
    await session.detach();
  }

  cut() {
    return this.#post(`${this.pageUrl}/cut`, {});
  }

  mend() {
    return this.#post(`${this.pageUrl}/mend`, {});
  }

  async end() {
    await this.mend();
    for (const { context } of this.#browsers) await context.close();
  }

  get complaints() {
    return this.#browsers.flatMap(({ complaints }) => complaints);
  }

  async #post(url, body) {
    const response = await fetch(url, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "Content-Type": "application/json" },
    });
    if (!response.ok) throw new Error(`${url}: HTTP ${response.status}: ${await response.text()}`);
  }
}
