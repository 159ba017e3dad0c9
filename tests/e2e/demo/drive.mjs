// Runs one scenario on the /demo page of a running server: node drive.mjs <scenario> <server url>
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { connectionCount, publish, requestOf, shownLine } from "./backend.mjs";
import { convergenceIs, shows, withBrowser, withDemo } from "./page.mjs";

const markup = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>";

const scenarios = {
  async both_devices({ page, laptop, phone }) {
    for (const pane of [laptop, phone]) {
      await pane.hasSessions("Ada's laptop", "Ada's phone");
      await shows(page, () => pane.sessions.filter({ hasText: "1 live connection" }).count(), 2);
      assert.match(await pane.session(pane.name).textContent(), /this device/);
    }
    await shows(page, () => connectionCount(page), 2);
  },

  async cart({ page, laptop, phone }) {
    await laptop.add("Espresso beans");
    await phone.hasCart("1 Espresso beans");
    await phone.add("espresso  BEANS");
    await phone.press("One more Espresso beans");
    await laptop.hasCart("3 Espresso beans");
    await laptop.add("Oat milk");
    await laptop.press("One Espresso beans fewer");
    await phone.hasCart("2 Espresso beans, 1 Oat milk");
    await phone.press("Remove Espresso beans");
    await laptop.press("One Oat milk fewer");
    await laptop.hasCart("");
    await phone.hasCart("");
    await convergenceIs(page, /^Both devices hold version \d+ of the cart, fingerprint [0-9a-f]{8}$/);
    assert.match(await laptop.says(/Espresso beans removed/), /^From another device: /);
  },

  async cut({ page, laptop, phone }) {
    await laptop.add("Beans");
    await phone.hasCart("1 Beans");
    await phone.cutButton.click();
    await phone.badge.getByText("Wire cut").waitFor();
    await phone.press("One more Beans");
    await phone.press("One more Beans");
    await phone.add("Chocolate");
    await laptop.press("One more Beans");
    await laptop.add("Milk");
    await phone.waiting.getByText("3 edits wait").waitFor();
    assert.deepEqual(await phone.unconfirmed(), ["Beans", "Chocolate"]);
    await laptop.hasCart("2 Beans, 1 Milk");
    await phone.hasCart("3 Beans, 1 Chocolate");
    await convergenceIs(page, /^Ada's phone is 2 versions behind Ada's laptop; 3 edits of Ada's phone wait$/);
    await phone.mendButton.click();
    for (const pane of [laptop, phone]) await pane.hasCart("4 Beans, 1 Chocolate, 1 Milk");
    const report = await phone.says(/^Caught up/);
    assert.match(report, /^Caught up: cart version 1 → \d+: 2 changes came in, \d went out, nothing was lost\.$/);
    await convergenceIs(page, /^Both devices hold version \d+ of the cart/);
    assert.deepEqual(await phone.unconfirmed(), []);
    assert.equal(await phone.waiting.isVisible(), false);
    assert.equal(await laptop.feed.getByText("Caught up").count(), 0);
  },

  async cut_both({ page, laptop, phone }) {
    for (let round = 1; round <= 3; round += 1) {
      await laptop.cutButton.click();
      await phone.cutButton.click();
      await laptop.add("Beans");
      await phone.add("Beans");
      await laptop.mendButton.click();
      await phone.mendButton.click();
      for (const pane of [laptop, phone]) await pane.hasCart(`${2 * round} Beans`);
    }
    await convergenceIs(page, /^Both devices hold version \d+ of the cart/);
  },

  async draft({ page, laptop, phone }) {
    await laptop.field("Recipient").pressSequentially("Grace Hopper");
    await phone.hasField("Recipient", "Grace Hopper");
    await phone.place.getByText("Ada's laptop was last in the recipient.").waitFor();
    await phone.continueButton.click();
    assert.equal(await phone.field("Recipient").evaluate((field) => field === document.activeElement), true);
    await page.keyboard.type(", Rear Admiral");
    await laptop.hasField("Recipient", "Grace Hopper, Rear Admiral");
    await phone.cutButton.click();
    await phone.field("Amount").fill("120.00");
    await laptop.field("Note").fill("Dinner");
    await phone.place.getByText("Kept here, until the wire is mended.").waitFor();
    await phone.mendButton.click();
    for (const pane of [laptop, phone]) {
      await pane.hasField("Recipient", "Grace Hopper, Rear Admiral");
      await pane.hasField("Amount", "120.00");
      await pane.hasField("Note", "Dinner");
    }
    await laptop.discardButton.click();
    for (const label of ["Recipient", "Amount", "Note"]) await phone.hasField(label, "");
  },

  async sign_out({ page, laptop, phone }) {
    await laptop.add("Beans");
    await phone.hasCart("1 Beans");
    await laptop.press("Sign out that device: Ada's phone");
    await phone.isSignedOut();
    assert.match(await phone.facts.textContent(), /^Reason: (revoked|session_revoked) · .*3590, session revoked · \d+ ms after the click$/);
    await phone.wiped.getByText("Wiped from this device").waitFor();
    assert.deepEqual(await keptOnPhone(page), ["device"]);
    await shows(page, () => connectionCount(page), 1);
    await laptop.hasSessions("Ada's laptop");
    await convergenceIs(page, /^Ada's phone is signed out and holds nothing; Ada's laptop holds version 1 of the cart$/);
    await laptop.isLive();
    await laptop.add("Milk");
    await phone.signInButton.click();
    await phone.isLive();
    await phone.hasCart("1 Beans, 1 Milk");
    await laptop.hasSessions("Ada's laptop", "Ada's phone");
    await phone.press("Sign out here, on Ada's phone");
    await phone.isSignedOut();
    assert.match(await phone.facts.textContent(), /^Reason: logout/);
  },

  async sign_out_others({ page, laptop, phone }) {
    await phone.othersButton.click();
    await laptop.isSignedOut();
    await phone.says(/^Signed out 1 other device\.$/);
    await phone.hasSessions("Ada's phone");
    assert.equal(await phone.othersButton.isVisible(), false);
    await shows(page, () => connectionCount(page), 1);
  },

  /** The device learns of it when it is back; until then it shows what it had. */
  async sign_out_of_a_cut_device({ page, laptop, phone }) {
    await laptop.add("Beans");
    await phone.hasCart("1 Beans");
    await phone.cutButton.click();
    await phone.add("Secret");
    await phone.press("Sign out that device: Ada's laptop");
    await phone.says(/^That did not work: the wire is cut\.$/);
    await laptop.press("Sign out that device: Ada's phone");
    await laptop.hasSessions("Ada's laptop");
    assert.deepEqual(await phone.lines(), ["1 Beans", "1 Secret"]);
    await phone.mendButton.click();
    await phone.isSignedOut();
    await phone.says(/1 edit that waited here is gone with it\.$/);
    assert.equal(await phone.feed.getByText("not applied").count(), 0);
    await phone.wiped.getByText("Wiped from this device").waitFor();
    assert.deepEqual(await keptOnPhone(page), ["device"]);
    await laptop.hasCart("1 Beans");
  },

  async reload({ page, laptop, phone }) {
    const user = await page.locator('[data-part="user"]').textContent();
    await laptop.add("Beans");
    await phone.hasCart("1 Beans");
    await phone.cutButton.click();
    await phone.add("Kept");
    await page.reload();
    for (const pane of [laptop, phone]) await pane.hasCart("1 Beans, 1 Kept");
    assert.equal(await page.locator('[data-part="user"]').textContent(), user);
    await laptop.hasSessions("Ada's laptop", "Ada's phone");
    await laptop.press("Sign out that device: Ada's phone");
    await phone.isSignedOut();
    await page.reload();
    await laptop.isLive();
    await phone.isSignedOut();
    assert.match(await phone.facts.textContent(), /3590/);
  },

  /** Another tab is another user: nothing of the one shows in the other. */
  async second_tab({ page, laptop, open }) {
    const other = await open();
    await Promise.all([other.laptop.isLive(), other.phone.isLive()]);
    await laptop.add("Mine");
    await other.laptop.add("Theirs");
    await other.phone.hasCart("1 Theirs");
    assert.deepEqual(await laptop.lines(), ["1 Mine"]);
    await publish(page, { text: "for one of them" });
    await laptop.notices.getByText("for one of them").waitFor();
    await publish(other.page, { text: "for the other" });
    await other.phone.notices.getByText("for the other").waitFor();
    assert.equal(await other.laptop.notices.count(), 1);
    await laptop.hasSessions("Ada's laptop", "Ada's phone");
  },

  async curl({ page, laptop, phone }) {
    await page.getByRole("button", { name: "Copy", exact: true }).click();
    await page.getByRole("button", { name: "Copied" }).waitFor();
    const line = await page.evaluate(() => navigator.clipboard.readText());
    assert.equal(line, await shownLine(page));
    const { url, ...request } = await requestOf(line);
    const response = await fetch(url, request);
    assert.equal(response.status, 200);
    assert.equal((await response.json()).result.offset, 1);
    for (const pane of [laptop, phone]) await pane.notices.getByText("Your transfer was booked").waitFor();
    await phone.cutButton.click();
    await publish(page, { text: "missed", from: "ledger" });
    await laptop.notices.getByText("missed").waitFor();
    assert.equal(await phone.notices.count(), 1);
    await phone.mendButton.click();
    await phone.notices.getByText("missed").waitFor();
    await page.reload();
    for (const pane of [laptop, phone]) await shows(page, () => pane.notices.count(), 2);
  },

  /** What others write is shown, never run; whatever JSON it is. */
  async hostile_content({ page, laptop, phone }) {
    for (const data of [{ text: markup, from: markup }, null, 7, [markup], "plain", { text: { deep: true }, from: 1 }])
      await publish(page, data);
    await phone.notices.getByText(JSON.stringify([markup])).first().waitFor();
    const name = markup.slice(0, 60).trim();
    for (const article of [markup, "__proto__", "constructor"]) await laptop.add(article);
    await phone.hasCart(`1 ${name}, 1 __proto__, 1 constructor`);
    await laptop.field("Note").fill(markup);
    await phone.hasField("Note", markup.slice(0, 120));
    await writeState(page, "cart", { items: [markup], extra: markup });
    await phone.hasCart("");
    await writeState(page, "draft", { recipient: [markup], touched: { field: "note", device: markup } });
    await phone.place.getByText(markup).waitFor();
    await laptop.add("still alive");
    await phone.hasCart("1 still alive");
    assert.equal(await page.title(), "Syncline demo");
    assert.equal(await page.locator(".panes :is(img, script)").count(), 0);
  },

  async story({ page, laptop, phone }) {
    await page.getByRole("button", { name: /^Show me in \d+ seconds$/ }).click();
    for (const step of [1, 2, 3, 4]) await page.locator('[data-part="caption"]', { hasText: `${step} of 4: ` }).waitFor();
    await phone.isSignedOut();
    await laptop.hasCart("1 Dark chocolate, 2 Espresso beans, 1 Oat milk");
    await laptop.hasField("Recipient", "Grace Hopper");
    await laptop.hasField("Note", "Dinner on Friday");
    await page.locator('[data-part="caption"]', { hasText: "Sign in again, or play it yourself" }).waitFor();
    await page.getByRole("button", { name: /^Show me/ }).click();
    await phone.isLive();
  },

  async keyboard({ page, laptop, phone }) {
    await laptop.input.focus();
    await page.keyboard.type("Typed");
    await page.keyboard.press("Enter");
    await phone.hasCart("1 Typed");
    await page.keyboard.press("Tab");
    await laptop.root.getByRole("button", { name: "One more Typed" }).focus();
    for (let i = 0; i < 3; i += 1) await page.keyboard.press("Enter");
    await phone.hasCart("4 Typed");
    await laptop.root.getByRole("button", { name: "Remove Typed" }).focus();
    await page.keyboard.press("Enter");
    await laptop.hasCart("");
    assert.equal(await laptop.input.evaluate((input) => input === document.activeElement), true);
    await phone.cutButton.focus();
    await page.keyboard.press("Space");
    await phone.badge.getByText("Wire cut").waitFor();
    await page.keyboard.press("Space");
    await phone.isLive();
    await laptop.root.getByRole("button", { name: "Sign out here, on Ada's laptop" }).focus();
    await page.keyboard.press("Enter");
    await laptop.isSignedOut();
    await shows(page, () => laptop.signInButton.evaluate((button) => button === document.activeElement), true);
    await page.keyboard.press("Enter");
    await laptop.isLive();
    await page.locator("summary").focus();
    await page.keyboard.press("Enter");
    await page.getByRole("list", { name: "Protocol messages" }).waitFor();
  },

  async wire_log({ page, laptop, phone }) {
    await laptop.add("look inside");
    await phone.hasCart("1 look inside");
    await page.locator("summary").click();
    const rows = page.getByRole("list", { name: "Protocol messages" }).getByRole("listitem");
    await rows.filter({ hasText: '"state.' }).first().waitFor();
    await rows.filter({ hasText: "look inside" }).first().waitFor();
    await rows.filter({ hasText: /200 POST \/v1\/login$/ }).first().waitFor();
    // A token is a credential: header.payload.signature must not be readable in a screenshot.
    const text = (await rows.allTextContents()).join("\n");
    assert.match(text, /"token":"\S{10}…"/);
    assert.doesNotMatch(text, /eyJ[\w-]{12,}/);
    const { password } = await page.evaluate(() => JSON.parse(sessionStorage.getItem("syncline-demo:account")));
    assert.ok(!text.includes(password));
  },

  async accessible_light(demo) {
    await passesAxe(demo);
  },

  async accessible_dark(demo) {
    await passesAxe(demo);
  },

  async phone_screen({ page, laptop, phone }) {
    await laptop.add("A".repeat(60));
    await phone.hasCart(`1 ${"A".repeat(60)}`);
    await laptop.field("Note").fill("N".repeat(120));
    await publish(page, { text: "B".repeat(300), from: "C".repeat(80) });
    await phone.notices.first().waitFor();
    await page.locator("summary").click();
    await fitsItsWidth(page);
    await phone.cutButton.click();
    await phone.press(`One more ${"A".repeat(60)}`);
    await phone.waiting.getByText("1 edit waits").waitFor();
    await fitsItsWidth(page);
    await laptop.press("Sign out that device: Ada's phone");
    await phone.mendButton.click();
    await phone.isSignedOut();
    await fitsItsWidth(page);
  },
};

/** In which the browser has something to complain of: it calls a refusal an error. */
const failures = {
  /** Needs a server whose accounts are off. */
  async no_accounts({ page }) {
    await convergenceIs(page, "The demo could not start. This server has no accounts: accounts.enabled is off.");
    assert.equal(await page.getByRole("button", { name: /^Show me/ }).isDisabled(), true);
  },

  /** As after the server's data were deleted: neither the account nor any token is known. */
  async unknown_user({ page, laptop, phone }) {
    await Promise.all([laptop.isLive(), phone.isLive()]);
    await page.evaluate(() => {
      for (const name of Object.keys(sessionStorage)) {
        const value = JSON.parse(sessionStorage.getItem(name));
        if (name.endsWith(":account")) value.email = `other-${value.email}`;
        if (name.endsWith("|login")) value.refreshToken = "x".repeat(96);
        sessionStorage.setItem(name, JSON.stringify(value));
      }
    });
    await page.reload();
    await Promise.all([laptop.isLive(), phone.isLive()]);
    await laptop.hasSessions("Ada's laptop", "Ada's phone");
    assert.match(await page.locator('[data-part="user"]').textContent(), /^other-/);
  },
};

const contexts = {
  accessible_light: { colorScheme: "light" },
  accessible_dark: { colorScheme: "dark" },
  phone_screen: { viewport: { width: 360, height: 740 } },
};

/** Every state of the page that changes its colours: live, cut and waiting, told of something, signed out, the log open. */
async function passesAxe({ page, laptop, phone }) {
  await page.emulateMedia({ reducedMotion: "reduce" });
  await page.locator("summary").click();
  await publish(page, { text: "seen" });
  await phone.notices.first().waitFor();
  await laptop.add("Beans");
  await laptop.field("Recipient").fill("Grace");
  await phone.hasField("Recipient", "Grace");
  await phone.cutButton.click();
  await phone.press("One more Beans");
  await phone.waiting.getByText("1 edit waits").waitFor();
  const source = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  await page.evaluate(source);
  await hasNoViolations(page);
  await phone.mendButton.click();
  await phone.says(/^Caught up/);
  await hasNoViolations(page);
  await laptop.press("Sign out that device: Ada's phone");
  await phone.isSignedOut();
  await hasNoViolations(page);
}

async function hasNoViolations(page) {
  const violations = await page.evaluate(async () => {
    const { violations } = await axe.run(document);
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  });
  assert.deepEqual(violations, []);
}

async function fitsItsWidth(page) {
  const excessPx = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.equal(excessPx, 0);
}

/** What the phone's store still has, by the last part of each name. */
function keptOnPhone(page) {
  return page.evaluate(() =>
    Object.keys(sessionStorage)
      .filter((name) => name.startsWith("syncline-demo:phone:"))
      .map((name) => name.split("|").at(-1)),
  );
}

/** As another program of the user's would, whatever the page thinks of it: over REST, with a log-in of its own. */
async function writeState(page, key, value) {
  const { email, password } = await page.evaluate(() => JSON.parse(sessionStorage.getItem("syncline-demo:account")));
  const login = { email, password, mode: "token", device: { id: "hostile-program-0123456789abcdef" } };
  const { access_token } = await ask("POST", "/v1/login", login);
  await ask("PUT", `/v1/state/${key}`, value, { Authorization: `Bearer ${access_token}` });
}

async function ask(method, path, body, headers = {}) {
  const all = { "Content-Type": "application/json", ...headers };
  const response = await fetch(`${url}${path}`, { method, headers: all, body: JSON.stringify(body) });
  assert.equal(response.status, 200);
  return response.json();
}

const [name, url] = process.argv.slice(2);
const names = [...Object.keys(scenarios), ...Object.keys(failures)];
if (!names.includes(name) || !url) throw new Error(`usage: node drive.mjs <${names.join("|")}> <server url>`);
if (name in failures) await withBrowser(url, {}, failures[name]);
else await withDemo(url, scenarios[name], contexts[name]);
