// Wrong input, servers that fail, nodes that are silent, very much and nothing at all.
import assert from "node:assert/strict";
import { enter, fitsWidth, isAccessible, rows, shows, withConsole } from "../page.mjs";

const failedRequest = /Failed to load resource/;
const unknownTrace = "0af7651916cd43dd8448eb211c80319c";

export const scenarios = {
  async wrong_input(hub) {
    const run = async (page) => {
      await enter(page, hub, "#/traces?min_ms=soon");
      await page.getByText("A number of milliseconds").waitFor();
      await at(page, hub, `traces/${unknownTrace}`);
      await page.getByText("No node has this trace (any more)").waitFor();
      await at(page, hub, "traces/no-trace-at-all");
      await page.getByText("No node has this trace (any more)").waitFor();
      await at(page, hub, "relays/unknown");
      await page.getByText("This consumer keeps no dead letters").waitFor();
      await at(page, hub, "channels/nowhere:%E2%82%AC%25");
      await page.getByRole("heading", { level: 1 }).waitFor();
      await at(page, hub, "connections?session=%00%0A<script>");
      await page.getByRole("button", { name: "Try again" }).waitFor();
      await at(page, hub, "connections?session=<script>&node=gone");
      await page.getByText("No connection matches").waitFor();
    };
    await withConsole(hub, run, { expected: [failedRequest] });
  },

  async server_errors(hub) {
    const run = async (page) => {
      await enter(page, hub, "#/connections");
      await rows(page, "Connections").first().waitFor();
      let isDown = true;
      await page.route("**/v1/ops/**", (route) => (isDown ? fail(route) : route.continue()));
      await page.getByRole("button", { name: "Reload" }).click();
      await page.getByText("A service that the server depends on does not answer.").waitFor();
      assert.ok((await rows(page, "Connections").count()) > 0, "what was there stays");
      for (const place of ["channels", "relays", "traces", "relays/orders", `traces/${unknownTrace}`, "channels/chat:x"]) {
        await at(page, hub, place);
        await page.getByRole("button", { name: "Try again" }).waitFor();
      }
      await at(page, hub, "channels?pattern=sessions:");
      await page.getByRole("button", { name: "Try again" }).waitFor();
      isDown = false;
      await page.getByRole("button", { name: "Try again" }).click();
      await rows(page, "Channels").first().waitFor();
      await refusedInADialog(page, hub);
      await page.route("**/v1/ops/**", (route) => route.abort());
      await at(page, hub, "relays");
      await page.getByText("The server did not answer.").waitFor();
    };
    await withConsole(hub, run, { expected: [failedRequest] });
  },

  async many_rows(hub) {
    await withConsole(hub, async (page) => {
      const long = "a-very-long-name-without-any-space-".repeat(8);
      await answer(page, "connections", { connections: many(500, (index) => connection(index, long)), total: 8123, silent: [] });
      await answer(page, "channels", { channels: many(500, (index) => channel(index, long)), total: 70_000, silent: [] });
      await answer(page, "relays/orders/dead-letters", { letters: many(200, (index) => letter(index, long)) });
      await enter(page, hub, "#/connections");
      for (const width of [1280, 360]) {
        await page.setViewportSize({ width, height: 740 });
        for (const [place, label, count] of [
          ["connections", "Connections", 500],
          ["channels", "Channels", 500],
          ["relays/orders", "Dead letters", 200],
        ]) {
          await at(page, hub, place);
          await shows(page, () => rows(page, label).count(), count);
          await fitsWidth(page);
        }
      }
      await at(page, hub, "connections");
      await page.getByText("500 of 8,123").waitFor();
      await rows(page, "Connections").first().focus();
      await page.keyboard.press("End");
      await shows(page, () => page.evaluate(() => document.activeElement.textContent.includes("user-499")), true);
    });
  },

  async silent_nodes(hub) {
    await withConsole(hub, async (page) => {
      await answer(page, "connections", { connections: [], total: 0, silent: ["node-x"] });
      await answer(page, "channels", { channels: [], total: 0, silent: ["node-x"] });
      await answer(page, "relays", { relays: [], silent: ["node-x"] });
      await answer(page, "traces", { traces: [], is_enabled: true, silent: ["node-x"] });
      await enter(page, hub, "#/connections");
      for (const place of ["connections", "channels", "relays", "traces"]) {
        await at(page, hub, place);
        await page.getByText(/node-x gave no answer/).waitFor();
      }
    });
  },

  async empty(hub) {
    await withConsole(hub, async (page) => {
      await answer(page, "connections", { connections: [], total: 0, silent: [] });
      await answer(page, "channels", { channels: [], total: 0, silent: [] });
      await answer(page, "relays", { relays: [], silent: [] });
      await answer(page, "relays/orders/dead-letters", { letters: [] });
      await answer(page, "traces", { traces: [], is_enabled: false, silent: [] });
      await enter(page, hub, "#/connections");
      for (const [place, text] of Object.entries({
        connections: "Nobody is connected",
        channels: "Nobody is subscribed to anything",
        relays: "Nothing is relayed",
        "relays/orders": "No dead letters",
      })) {
        await at(page, hub, place);
        await page.getByText(text, { exact: true }).waitFor();
        await isAccessible(page);
      }
    });
  },
};

async function at(page, hub, place) {
  await page.goto(`${hub.url}/console/#/${place}`);
}

/** What an action is refused with is said where it was asked for, and can be tried again. */
async function refusedInADialog(page, hub) {
  await page.unroute("**/v1/ops/**");
  await at(page, hub, "channels/chat:refused");
  let isDown = true;
  await page.route("**/v1/ops/channel/publish", (route) => (isDown ? fail(route) : route.continue()));
  await page.getByRole("button", { name: "Publish…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Publish" }).click();
  await dialog.getByRole("alert").getByText("does not answer").waitFor();
  isDown = false;
  await dialog.getByRole("button", { name: "Publish" }).click();
  await page.getByText(/^Published at offset/).waitFor();
}

function fail(route) {
  const problem = { status: 503, code: "unavailable", title: "Unavailable" };
  return route.fulfill({ status: 503, contentType: "application/problem+json", body: JSON.stringify(problem) });
}

function answer(page, path, json) {
  return page.route(new RegExp(`/v1/ops/${path}(\\?|$)`), (route) => route.fulfill({ json }));
}

function many(count, make) {
  return Array.from({ length: count }, (_, index) => make(index));
}

function connection(index, long) {
  const text = index === 7 ? long : `user-${String(index).padStart(3, "0")}`;
  return {
    client: `client-${index}`,
    user: text,
    session: text,
    device: text,
    node: "uid-1",
    node_name: index === 8 ? long : "node-1",
    transport: "websocket",
    encoding: "protobuf",
    connected_ms: 1_700_000_000_000 + index,
    num_subscriptions: 128,
    channels: [],
    buffered_bytes: index * 1_000,
  };
}

function channel(index, long) {
  return { name: `chat:${index}${index === 3 ? long : ""}`, namespace: "chat", num_clients: index };
}

function letter(index, long) {
  const text = index === 5 ? long : "orders";
  return { id: `${text} ${index}`, reason: "no_route", detail: text, subject: text, headers: {}, body: "{}", is_cut: false, dead_since_ms: 1, attempts: 1 };
}
