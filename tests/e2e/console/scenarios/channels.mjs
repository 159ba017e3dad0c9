// Channels: who is there, what was published, and a message of one's own.
import assert from "node:assert/strict";
import { enter, refusedRequest, rows, shows, withConsole } from "../page.mjs";

export const scenarios = {
  async look_and_publish(hub) {
    await withConsole(hub, async (page) => {
      await enter(page, hub, "#/channels");
      await page.getByLabel("Name").fill("salon");
      await shows(page, () => rows(page, "Channels").count(), 1);
      await rows(page, "Channels").first().click();
      await page.getByRole("heading", { level: 1, name: hub.channel }).waitFor();
      await page.getByRole("list", { name: "Summary" }).getByText("2 subscribers").waitFor();
      await page.getByRole("list", { name: "Members" }).getByRole("link", { name: "ada" }).waitFor();
      await page.getByRole("heading", { name: "Options of namespace chat" }).waitFor();
      await page.getByText("history_size").waitFor();
      await page.getByRole("button", { name: "Load", exact: true }).click();
      const history = page.getByRole("region", { name: "History" });
      await shows(page, () => history.locator("summary").first().innerText().then(oneLine), '3 {"number":2}');
      await shows(page, () => history.locator("summary").count(), 3);
      await history.locator("summary").last().click();
      await history.getByRole("region", { name: "data" }).getByText('"number"').waitFor();
      await publish(page);
      await page.getByText("Published at offset 4.").waitFor();
      await history.getByText("1 newer").waitFor();
      await page.getByRole("link", { name: "Follow its trace" }).click();
      await page.getByRole("treegrid", { name: "Spans" }).waitFor();
      const spans = page.getByRole("treegrid").getByRole("row");
      await spans.filter({ hasText: "publish chat" }).first().waitFor();
      await shows(page, () => spans.filter({ hasText: "fan_out chat" }).count(), 2);
      await page.goBack();
      await page.getByRole("list", { name: "Members" }).getByRole("link", { name: "ada" }).click();
      await page.waitForURL(`**client=${hub.member}`);
      await shows(page, () => rows(page, "Connections").count(), 1);
    });
  },

  async nothing_to_show(hub) {
    await withConsole(hub, async (page) => {
      await enter(page, hub, `#/channels/${encodeURIComponent(hub.channel)}`);
      await page.getByText("The namespace keeps no history.").waitFor();
      await page.getByText("The namespace keeps no presence.").waitFor();
      await page.goto(`${hub.url}/console/#/channels?pattern=zzz`);
      await page.getByText("No channel with subscribers matches").waitFor();
      await page.getByLabel("Name").fill("chat:nobody/is?here#%");
      await page.getByRole("button", { name: "Open by this name" }).click();
      await page.getByRole("heading", { level: 1, name: "chat:nobody/is?here#%" }).waitFor();
      await page.getByRole("list", { name: "Summary" }).getByText("0 subscribers").waitFor();
      await page.getByText("Nobody is there.").waitFor();
      await page.getByRole("button", { name: "Load", exact: true }).click();
      await page.getByText("Nothing is kept").waitFor();
    });
  },

  async platform_channel(hub) {
    const run = async (page) => {
      await enter(page, hub, "#/channels?pattern=sessions:");
      const own = rows(page, "Channels").first();
      await own.waitFor();
      await own.click();
      await page.getByRole("heading", { level: 1, name: /^sessions:/ }).waitFor();
      await page.getByRole("button", { name: "Load", exact: true }).click();
      await page.getByText("This channel belongs to the platform: it has documents of users").waitFor();
      await page.getByRole("button", { name: "Publish…" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Publish" }).click();
      await page.getByRole("dialog").getByText("nobody publishes to it by hand").waitFor();
    };
    await withConsole(hub, run, { expected: [refusedRequest] });
  },
};

/** First what is no JSON, which never leaves the page. */
async function publish(page) {
  const data = page.getByLabel("Data (JSON)");
  await data.fill('{"from": "the console",\n "list": [1, }');
  await page.getByRole("button", { name: "Publish…" }).click();
  await page.getByRole("alert").getByText(/^Line 2, column \d+: /).waitFor();
  assert.equal(await page.getByRole("dialog").count(), 0);
  await data.fill('{"from": "the console", "list": [1, null, "<b>&</b>"]}');
  await page.getByRole("button", { name: "Tidy" }).click();
  assert.equal((await data.inputValue()).split("\n").length, 8);
  await page.getByText("Tags", { exact: true }).click();
  await page.getByLabel("Tags, one name=value a line").fill("colour");
  await page.getByRole("alert").getByText("Each line needs a name").waitFor();
  await page.getByLabel("Tags, one name=value a line").fill("colour=blue\nsum=1=1");
  await page.getByRole("button", { name: "Publish…" }).click();
  await page.getByRole("dialog").getByText("It cannot be taken back.").waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Publish" }).click();
}

function oneLine(text) {
  return text.replace(/\s+/g, " ").trim();
}
