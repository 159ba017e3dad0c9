// Each page with real data on a wide and on a narrow screen: nothing sticks out, axe finds nothing, pictures are made.
import { enter, fitsWidth, isAccessible, picture, rows, serverApi, shows, withConsole } from "../page.mjs";

export const scenarios = {
  async all(hub) {
    const run = async (page) => {
      await enter(page, hub, "#/connections");
      for (let number = 0; number < 5; number += 1)
        await serverApi(hub, "publish", { channel: hub.channel, data: { number, note: "a look around", parts: [1, null] } });
      for (const [width, height] of [
        [1280, 800],
        [360, 740],
      ]) {
        await page.setViewportSize({ width, height });
        for (const [name, show] of Object.entries(places)) {
          await show(page, hub);
          await fitsWidth(page);
          await isAccessible(page);
          await picture(page, hub, `${name}-${hub.theme}-${width}`);
        }
      }
    };
    await withConsole(hub, run, { colorScheme: hub.theme });
  },
};

const places = {
  async connections(page, hub) {
    await at(page, hub, "connections");
    await rows(page, "Connections").nth(2).waitFor();
  },
  async connection(page) {
    await rows(page, "Connections").first().click();
    await page.getByRole("complementary", { name: "Details" }).waitFor();
  },
  async disconnecting(page) {
    await page.getByRole("button", { name: "Disconnect…" }).click();
    await page.getByRole("dialog").waitFor();
  },
  async channels(page, hub) {
    await page.keyboard.press("Escape");
    await at(page, hub, "channels");
    await rows(page, "Channels").first().waitFor();
  },
  async channel(page, hub) {
    await at(page, hub, `channels/${encodeURIComponent(hub.channel)}`);
    await page.getByRole("button", { name: "Load", exact: true }).click();
    await page.getByRole("region", { name: "History" }).locator("summary").first().click();
    await page.getByRole("region", { name: "data" }).waitFor();
  },
  async relays(page, hub) {
    await at(page, hub, "relays");
    await rows(page, "Relays").first().waitFor();
  },
  async relay(page) {
    await rows(page, "Relays").first().click();
    await page.getByRole("complementary", { name: "Details" }).waitFor();
  },
  async traces(page, hub) {
    await at(page, hub, "traces");
    await rows(page, "Traces").first().waitFor();
  },
  async trace(page, hub) {
    await at(page, hub, `traces?channel=${encodeURIComponent(hub.channel)}`);
    await rows(page, "Traces").first().click();
    await shows(page, () => page.locator(".span-line").count().then((count) => count > 2), true);
  },
  async span(page) {
    await page.locator(".span-line").nth(1).click();
    await page.getByRole("complementary", { name: "Details" }).waitFor();
  },
};

async function at(page, hub, place) {
  await page.goto(`${hub.url}/console/#/${place}`);
}
