// Runs one scenario on the /demo page of a running server: node drive.mjs <scenario> <server url>
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { convergenceIs, withDemo } from "./page.mjs";

const phone = { viewport: { width: 360, height: 740 } };

const scenarios = {
  async conversation({ page, ada, grace }) {
    await ada.isSeeing("Ada (you)", "Grace");
    await grace.isSeeing("Ada", "Grace (you)");
    await ada.send("Hello, Grace");
    await ada.message("Hello, Grace");
    await grace.message("Hello, Grace");
    await grace.send("Hello, Ada");
    await ada.message("Hello, Ada");
    assert.equal(await ada.messages.count(), 2);
    assert.equal(await ada.verdict.textContent(), "in order, no gaps");
    await convergenceIs(page, /^Both clients are at offset 2 of the same log$/);
  },

  async second_tab({ page, url, ada, grace }) {
    const other = await page.context().newPage();
    await other.goto(`${url}/demo/`);
    await ada.isSeeing("Ada (you) ×2", "Grace ×2");
    await other.close();
    await ada.isSeeing("Ada (you)", "Grace");
    await grace.isSeeing("Ada", "Grace (you)");
  },

  async curl({ page, ada, grace }) {
    await page.getByRole("button", { name: "Copy", exact: true }).click();
    await page.getByRole("button", { name: "Copied" }).waitFor();
    const line = await page.evaluate(() => navigator.clipboard.readText());
    assert.equal(line, await page.locator('[data-part="curl"]').textContent());
    const answer = await publishBy(line);
    assert.equal(answer.result.offset, 1);
    for (const pane of [ada, grace]) {
      const message = await pane.message("Hello from a backend");
      assert.equal(await message.getAttribute("data-author"), "backend");
    }
  },

  async cut({ page, ada, grace }) {
    await ada.send("before");
    await grace.message("before");
    await grace.cutButton.click();
    await grace.badge.getByText("Wire cut").waitFor();
    assert.equal(await grace.sendButton.isDisabled(), true);
    await ada.isSeeing("Ada (you)");
    for (let i = 1; i <= 5; i += 1) await ada.send(`missed ${i}`);
    await ada.message("missed 5");
    await convergenceIs(page, /^Grace is 5 messages behind Ada$/);
    assert.equal(await grace.messages.count(), 1);
    await grace.mendButton.click();
    assert.equal(await grace.note(/recovered/), "recovered 5 missed messages, 0 lost (offset 1 → 6)");
    await ada.send("after");
    await grace.message("after");
    assert.deepEqual(await grace.arrivals(), [
      { text: "before", offset: 1, arrival: "live" },
      ...[1, 2, 3, 4, 5].map((i) => ({ text: `missed ${i}`, offset: i + 1, arrival: "recovered" })),
      { text: "after", offset: 7, arrival: "live" },
    ]);
    assert.equal(await grace.verdict.textContent(), "in order, no gaps");
    await ada.isSeeing("Ada (you)", "Grace");
    await convergenceIs(page, /^Both clients are at offset 7 of the same log$/);
  },

  async cut_repeatedly({ page, ada, grace }) {
    for (let round = 1; round <= 4; round += 1) {
      await grace.cutButton.click();
      await ada.burstButton.click();
      await grace.mendButton.click();
      await ada.message(`Message 5 of 5, round ${round}`);
      await grace.message(`Message 5 of 5, round ${round}`);
    }
    const offsets = (await grace.arrivals()).map(({ offset }) => offset);
    assert.deepEqual(offsets, Array.from({ length: 20 }, (_, i) => i + 1));
    await convergenceIs(page, /^Both clients are at offset 20 of the same log$/);
  },

  /** Needs a server whose history keeps two messages. */
  async unrecovered({ page, ada, grace }) {
    await ada.send("before");
    await grace.message("before");
    await grace.cutButton.click();
    for (let i = 1; i <= 5; i += 1) await ada.send(`missed ${i}`);
    await ada.message("missed 5");
    await grace.mendButton.click();
    const sentence = "not recovered: the hub could not hand back all of 5 missed messages (offset 1 → 6)";
    assert.equal(await grace.note(/recovered/), sentence);
    await convergenceIs(page, /^Both clients are at offset 6 of the same log$/);
    await ada.send("after");
    await grace.message("after");
    const live = (await grace.arrivals()).filter(({ arrival }) => arrival !== "history");
    assert.deepEqual(live.map(({ text }) => text), ["before", "after"]);
  },

  async history({ page, ada, grace }) {
    await ada.burstButton.click();
    await grace.message("Message 5 of 5, round 1");
    await page.reload();
    await Promise.all([ada.isLive(), grace.isLive()]);
    await grace.message("Message 5 of 5, round 1");
    assert.deepEqual(
      (await grace.arrivals()).map(({ offset, arrival }) => `${arrival} ${offset}`),
      [1, 2, 3, 4, 5].map((offset) => `history ${offset}`),
    );
  },

  async story({ page, grace }) {
    await page.getByRole("button", { name: "Show me in ten seconds" }).click();
    const outcome = /^Grace: recovered 5 missed messages, 0 lost \(offset 0 → 5\)\.$/;
    await page.locator('[data-part="caption"]', { hasText: outcome }).waitFor();
    assert.equal(await grace.messages.count(), 5);
  },

  /** What a message says is shown, never run; whatever JSON it is. */
  async hostile_messages({ page, ada, grace }) {
    const markup = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>";
    const line = await page.locator('[data-part="curl"]').textContent();
    const { url, headers } = await requestOf(line);
    for (const data of [{ text: markup, from: markup }, null, 7, [markup], "plain", { text: { deep: true }, from: 1 }]) {
      const body = JSON.stringify({ channel: "demo:room", data });
      await fetch(url, { method: "POST", headers, body });
    }
    await ada.send("the end");
    await grace.message("the end");
    const shown = (await grace.arrivals()).map(({ text }) => text);
    assert.equal(shown[0], markup);
    assert.ok(shown.includes(JSON.stringify([markup])));
    assert.equal(await page.title(), "Syncline demo");
    assert.equal(await grace.feed.locator("img, script").count(), 0);
  },

  async keyboard({ page, ada, grace }) {
    await ada.input.focus();
    await page.keyboard.type("typed");
    await page.keyboard.press("Enter");
    await grace.message("typed");
    await grace.cutButton.focus();
    await page.keyboard.press("Space");
    await grace.badge.getByText("Wire cut").waitFor();
    await page.keyboard.press("Space");
    await grace.isLive();
    await page.locator("summary").focus();
    await page.keyboard.press("Enter");
    await page.getByRole("list", { name: "Protocol messages" }).waitFor();
  },

  async wire_log({ page, ada, grace }) {
    await ada.send("look inside");
    await grace.message("look inside");
    await page.locator("summary").click();
    const rows = page.getByRole("list", { name: "Protocol messages" }).getByRole("listitem");
    await rows.filter({ hasText: '"publish"' }).first().waitFor();
    await rows.filter({ hasText: "look inside" }).first().waitFor();
    // A development token is a credential too: header.payload.signature must not be readable in a screenshot.
    const text = (await rows.allTextContents()).join("\n");
    assert.match(text, /"token":"\S{10}…"/);
    assert.doesNotMatch(text, /eyJ[\w-]{12,}/);
  },

  async accessible_light(demo) {
    await passesAxe(demo);
  },

  async accessible_dark(demo) {
    await passesAxe(demo);
  },

  async phone({ page, ada, grace }) {
    await ada.send("A".repeat(300));
    await grace.message("A".repeat(300));
    await grace.cutButton.click();
    await ada.burstButton.click();
    await ada.message("Message 5 of 5, round 1");
    await grace.mendButton.click();
    await grace.note(/recovered 5/);
    await page.locator("summary").click();
    const excessPx = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.equal(excessPx, 0);
  },
};

const contexts = {
  accessible_light: { colorScheme: "light" },
  accessible_dark: { colorScheme: "dark" },
  phone,
};

/** Every state of the page that changes its colours: live, cut, recovered, with the log open. */
async function passesAxe({ page, ada, grace }) {
  await page.emulateMedia({ reducedMotion: "reduce" });
  await page.locator("summary").click();
  await ada.send("seen");
  await grace.message("seen");
  await grace.cutButton.click();
  await ada.burstButton.click();
  await ada.message("Message 5 of 5, round 1");
  const source = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  await page.evaluate(source);
  await hasNoViolations(page);
  await grace.mendButton.click();
  await grace.note(/recovered 5/);
  await hasNoViolations(page);
}

async function hasNoViolations(page) {
  const violations = await page.evaluate(async () => {
    const { violations } = await axe.run(document);
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  });
  assert.deepEqual(violations, []);
}

/** What curl would send, with the line split into arguments by a real shell. */
async function requestOf(line) {
  const script = `curl() { printf '%s\\0' "$@"; }; ${line}`;
  const words = execFileSync("sh", ["-c", script], { encoding: "utf8" }).split("\0").slice(0, -1);
  const [method, url, flag, header, dataFlag, body] = words.slice(1);
  assert.deepEqual([words[0], flag, dataFlag], ["-X", "-H", "-d"]);
  const [name, value] = header.split(": ");
  // curl's own default with -d; the API must not mind.
  return { url, method, body, headers: { [name]: value, "Content-Type": "application/x-www-form-urlencoded" } };
}

async function publishBy(line) {
  const { url, ...request } = await requestOf(line);
  const response = await fetch(url, request);
  assert.equal(response.status, 200);
  return response.json();
}

const [name, url] = process.argv.slice(2);
const scenario = scenarios[name];
if (!scenario || !url) throw new Error(`usage: node drive.mjs <${Object.keys(scenarios).join("|")}> <server url>`);
await withDemo(url, scenario, contexts[name]);
