// One event, from its publisher over both nodes.
import assert from "node:assert/strict";
import { enter, rows, shows, withConsole } from "../page.mjs";

const traceId = () => Array.from({ length: 32 }, () => Math.floor(Math.random() * 16).toString(16)).join("");
const publisherSpan = "00f067aa0ba902b7";

export const scenarios = {
  async follow(hub) {
    await withConsole(hub, async (page) => {
      await enter(page, hub, `#/traces?channel=${encodeURIComponent(hub.channel)}`);
      await page.getByText("No trace matches").waitFor();
      const id = traceId();
      await publishTraced(hub, id, { n: 1 });
      const listed = rows(page, "Traces");
      await shows(page, () => listed.count(), 1);
      await listed.first().click();
      await page.waitForURL(`**/#/traces/${id}`);
      await seesBothNodes(page);
      await walks(page);
      await page.getByRole("button", { name: "Copy trace id" }).click();
      assert.equal(await page.evaluate(() => navigator.clipboard.readText()), id);
      await page.getByRole("link", { name: "Logs of this trace" }).click();
      await page.waitForURL(`**/#/logs?text=${id}`);
      await page.goto(`${hub.url}/console/#/traces`);
      await page.getByLabel("Text").fill(id.slice(0, 16));
      await shows(page, () => listed.count(), 1);
      await page.getByLabel("At least (ms)").fill("60000");
      await page.getByText("No trace matches").waitFor();
      await page.getByLabel("At least (ms)").fill("");
      await page.getByLabel("Errors only").check();
      await page.getByText("No trace matches").waitFor();
      await page.getByLabel("Errors only").uncheck();
      await page.getByLabel("Text").fill("");
      await pauses(page, hub);
      await seesItsOwnAcknowledgement(page, hub);
    });
  },
};

async function publishTraced(hub, id, data) {
  const headers = { "X-API-Key": hub.apiKey, "Content-Type": "application/json", traceparent: `00-${id}-${publisherSpan}-01` };
  const body = JSON.stringify({ channel: hub.channel, data });
  const response = await fetch(`${hub.url}/api/publish`, { method: "POST", headers, body });
  assert.equal(response.status, 200);
}

function spans(page) {
  return page.getByRole("treegrid", { name: "Spans" }).locator(".span-line");
}

async function seesBothNodes(page) {
  const lines = spans(page);
  await shows(page, () => lines.filter({ hasText: "fan_out chat" }).count(), 2);
  assert.match(await lines.first().innerText(), /publisher \(span 00f0…02b7\)/);
  await shows(page, () => lines.filter({ hasText: "POST /api/publish" }).count(), 1);
  await shows(page, () => lines.filter({ hasText: "publish chat" }).count(), 1);
  const nodes = await page.getByRole("list", { name: "Summary" }).locator(".node-name").allInnerTexts();
  assert.equal(new Set(nodes).size, 2);
}

async function walks(page) {
  const lines = spans(page);
  await lines.first().focus();
  await page.keyboard.press("ArrowLeft");
  await shows(page, () => lines.count(), 1);
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("End");
  const axis = page.getByRole("columnheader", { name: "Time" });
  const whole = await axis.innerText();
  await page.keyboard.press("+");
  await shows(page, async () => (await axis.innerText()) !== whole, true);
  await page.keyboard.press("-");
  await shows(page, () => axis.innerText(), whole);
  for (const key of ["f", "+", "]", "[", "0"]) await page.keyboard.press(key);
  await shows(page, () => axis.innerText(), whole);
  await page.getByRole("button", { name: "Zoom in" }).click();
  await page.getByRole("button", { name: "Whole trace" }).click();
  await lines.filter({ hasText: "publish chat" }).click();
  const details = page.getByRole("complementary", { name: "Details" });
  await details.getByText("messaging.destination.template").waitFor();
  await page.keyboard.press("Escape");
  await details.waitFor({ state: "detached" });
}

/** The console is a client as any other: it has told the server that it has seen what was published to it. */
async function seesItsOwnAcknowledgement(page, hub) {
  await page.goto(`${hub.url}/console/#/traces?text=publish+sessions`);
  await rows(page, "Traces").filter({ hasText: "Seen" }).first().click();
  await spans(page).filter({ hasText: "acknowledge sessions" }).first().waitFor();
  await page.getByRole("list", { name: "Summary" }).getByText(/^[1-9]\d* acknowledgements?$/).waitFor();
}

/** What comes in while the list is held is counted, and shown afterwards. */
async function pauses(page, hub) {
  await page.getByLabel("Channel").fill(hub.channel);
  await shows(page, () => rows(page, "Traces").count(), 1);
  await page.getByRole("button", { name: "Pause" }).click();
  await publishTraced(hub, traceId(), { n: 2 });
  await page.getByText("1 new since").waitFor();
  assert.equal(await rows(page, "Traces").count(), 1);
  await page.getByRole("button", { name: "Resume" }).click();
  await shows(page, () => rows(page, "Traces").count(), 2);
}
