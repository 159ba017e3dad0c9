// What is to be seen: the overview, nodes, settings and logs.
import assert from "node:assert/strict";
import { enter, isAccessible, isLive, fitsWidth, picture, rows, serverApi, shows, visit, withConsole } from "../page.mjs";

export const scenarios = {
  async overview(hub) {
    await withConsole(hub, async (page) => {
      await enter(page, hub);
      await shows(page, () => rows(page, "Nodes").count(), 2);
      await shows(page, () => figure(page, "Connections"), "1");
      await page.getByText("2 nodes", { exact: true }).waitFor();
      await shows(page, () => page.getByRole("img", { name: /, last five minutes$/ }).count(), 12);
      const publishing = publishRepeatedly(hub);
      await page.waitForFunction(() => {
        const values = [...document.querySelectorAll(".figure")].map((figure) => figure.textContent);
        return values.some((text) => /^Published(?!0\/s|–)/.test(text));
      });
      await publishing.stop();
      await page.getByLabel("Each node").check();
      const connections = page.locator("figure", { has: page.getByRole("heading", { name: "Connections" }) });
      await shows(page, () => connections.getByRole("listitem").count(), 2);
      const drawn = await connections.locator("canvas").evaluate(hasInk);
      assert.ok(drawn, "the chart is blank");
    });
  },

  async nodes(hub) {
    await withConsole(hub, async (page) => {
      await enter(page, hub, "#/nodes");
      await shows(page, () => rows(page, "Nodes").filter({ hasText: "ready" }).count(), 2);
      await rows(page, "Nodes").first().click();
      const details = page.getByRole("complementary", { name: "Details" });
      await details.getByText("storage", { exact: true }).first().waitFor();
      await details.getByLabel("Filter counters").fill("connections_open");
      await details.getByText("connections_opened").waitFor();
      await details.getByLabel("Filter counters").fill("there is none");
      await details.getByText("None has a name like this.").waitFor();
      await page.keyboard.press("Escape");
      await details.waitFor({ state: "detached" });
    });
  },

  async settings(hub) {
    await withConsole(hub, async (page) => {
      await enter(page, hub, "#/settings");
      await rows(page, "Settings in force").first().waitFor();
      assert.ok((await rows(page, "Settings in force").count()) > 100);
      await page.getByLabel("Different from the default").check();
      await page.getByLabel("Name, value or description").fill("secret_key");
      await shows(page, () => rows(page, "Settings in force").filter({ hasNotText: "********" }).count(), 0);
      assert.ok((await rows(page, "Settings in force").count()) > 0);
      assert.doesNotMatch(await page.content(), /that-only-tests-ever-use/);
      assert.match(page.url(), /changed=true/);
      await page.getByLabel("Name, value or description").fill("no such option");
      await page.getByText("No option matches").waitFor();
    });
  },

  async logs(hub) {
    await withConsole(hub, async (page) => {
      await enter(page, hub, "#/logs");
      const lines = page.getByRole("list", { name: "Log lines, oldest first" }).locator(":scope > li");
      await lines.filter({ hasText: "connection_opened" }).last().waitFor();
      await lines.filter({ hasText: "connection_opened" }).last().getByRole("button").click();
      const link = page.locator('.log-line[data-open="true"]').getByRole("link").first();
      const trace = await link.textContent();
      assert.match(trace, /^[0-9a-f]{32}$/);
      await link.click();
      await page.waitForURL(`**/#/traces/${trace}`);
      await page.goBack();
      await page.getByLabel("Text anywhere in a line").fill(trace);
      await shows(page, () => lines.count(), 1);
      await page.getByLabel("Text anywhere in a line").fill("");
      await page.getByLabel("Level").selectOption("error");
      await page.getByText("No line matches").waitFor();
      await page.getByLabel("Level").selectOption("info");
      await lines.first().waitFor();
      await page.getByRole("button", { name: "Pause" }).click();
      const before = await lines.count();
      await comeAndGo(page, hub);
      await page.getByRole("button", { name: /^Resume \(\d+ new\)$/ }).click();
      await page.waitForFunction((count) => document.querySelectorAll(".log-line").length > count, before);
    });
  },

  async reconnecting(hub) {
    await withConsole(hub, async (page) => {
      const wires = [];
      let isCut = false;
      await page.routeWebSocket(/connection\/websocket/, (wire) => {
        if (isCut) return wire.close({ code: 1001 });
        wires.push(wire);
        return void wire.connectToServer();
      });
      await enter(page, hub);
      await shows(page, () => rows(page, "Nodes").count(), 2);
      isCut = true;
      for (const wire of wires) await wire.close({ code: 1001 });
      await page.getByText("Reconnecting. Live data stand still until the connection is back.").waitFor();
      await picture(page, hub, "reconnecting");
      isCut = false;
      await isLive(page);
      const at = await page.evaluate(() => document.querySelector(".overview-nodes").textContent);
      const publishing = publishRepeatedly(hub);
      await page.waitForFunction((before) => document.querySelector(".overview-nodes").textContent !== before, at);
      await publishing.stop();
    });
  },

  async keyboard(hub) {
    await withConsole(hub, async (page) => {
      await enter(page, hub);
      const names = [];
      for (let step = 0; step < 12; step += 1) {
        await page.keyboard.press("Tab");
        names.push(await focusedName(page));
      }
      const expected = "Skip to content, Syncline, Overview, Connections, Channels, Relays, Traces, Logs, Nodes, Settings";
      assert.equal(names.slice(0, 10).join(", "), expected);
      assert.match(names[10], /^Colours/);
      assert.equal(names[11], "Log out");
      await page.getByRole("link", { name: "Nodes", exact: true }).focus();
      await page.keyboard.press("Enter");
      await shows(page, () => focusedName(page), "Nodes");
      await shows(page, () => rows(page, "Nodes").count(), 2);
      await rows(page, "Nodes").first().focus();
      await page.keyboard.press("ArrowDown");
      const second = await focusedName(page);
      assert.equal(second, await rows(page, "Nodes").nth(1).evaluate((row) => row.textContent.slice(0, 40)));
      await page.keyboard.press("Enter");
      await page.getByRole("complementary", { name: "Details" }).waitFor();
      await page.keyboard.press("Escape");
      await page.getByRole("complementary", { name: "Details" }).waitFor({ state: "detached" });
      const outlines = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
      assert.equal(outlines, "solid");
    });
  },

  async looks_light(hub) {
    await lookAround(hub, "light");
  },

  async looks_dark(hub) {
    await lookAround(hub, "dark");
  },
};

const places = { overview: "", nodes: "", settings: "?changed=true", logs: "" };

/** Each page on a wide and on a narrow screen: nothing sticks out, axe finds nothing, and there is a picture of it. */
async function lookAround(hub, colorScheme) {
  const run = async (page) => {
    await enter(page, hub);
    const publishing = publishRepeatedly(hub);
    for (const [width, height] of [[1280, 800], [360, 740]]) {
      await page.setViewportSize({ width, height });
      for (const [place, query] of Object.entries(places)) {
        await page.evaluate((hash) => (location.hash = hash), `#/${place}${query}`);
        await hasContent(page, place);
        await fitsWidth(page);
        if (width > 1000) await isAccessible(page);
        await picture(page, hub, `${place}-${colorScheme}-${width}`);
      }
    }
    await publishing.stop();
  };
  await withConsole(hub, run, { colorScheme });
}

async function hasContent(page, place) {
  await page.locator("main h1").waitFor();
  if (place === "logs") await page.locator(".log-line").first().waitFor();
  else await page.getByRole("grid").locator("tbody").getByRole("row").first().waitFor();
}

function figure(page, label) {
  return page.locator(".figure", { has: page.getByText(label, { exact: true }) }).locator("dd").textContent();
}

/** Whether anything in the chart's colours has been drawn. */
function hasInk(canvas) {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return data.some((value, index) => index % 4 === 2 && data[index + 1] > 0 && value > data[index - 2] + 60);
}

/** Publications for as long as somebody looks at their rate. */
function publishRepeatedly(hub) {
  let isWanted = true;
  const running = (async () => {
    while (isWanted) {
      for (const url of hub.nodes) await serverApi(hub, "publish", { channel: "orders", data: { n: 1 } }, url);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  return {
    stop() {
      isWanted = false;
      return running;
    },
  };
}

/** Another browser logs in and is closed again: its connection leaves lines in the log. */
async function comeAndGo(page, hub) {
  const context = await page.context().browser().newContext();
  await enter(await context.newPage(), hub);
  await context.close();
}

function focusedName(page) {
  return page.evaluate(() => {
    const { activeElement: element } = document;
    return element.getAttribute("aria-label") ?? element.textContent.slice(0, 40);
  });
}
