// Relays, and what they could not publish.
import assert from "node:assert/strict";
import { enter, rows, shows, withConsole } from "../page.mjs";

const letters = (page) => rows(page, "Dead letters");

export const scenarios = {
  async dead_letters(hub) {
    await withConsole(hub, async (page) => {
      await enter(page, hub, "#/relays");
      const relay = rows(page, "Relays").filter({ hasText: "Redis stream" });
      await shows(page, () => relay.count(), 2);
      await relay.filter({ hasText: "Attached" }).first().click();
      const details = page.getByRole("complementary", { name: "Details" });
      await details.getByRole("row", { name: /^redis received/ }).waitFor();
      await details.getByRole("link", { name: "Inspect and replay" }).click();
      await page.getByRole("heading", { level: 1, name: "Dead letters of orders" }).waitFor();
      await shows(page, () => letters(page).count(), 6);
      await inspect(page, details);
      await replayTheRepaired(page);
      await replayOneInVain(page);
      await removeTwo(page);
      await removeAll(page);
    });
  },
};

async function inspect(page, details) {
  await letters(page).filter({ hasText: "malformed" }).click();
  await details.getByText("It could not be read").waitFor();
  await details.getByRole("region", { name: "body" }).getByText("{broken").waitFor();
  await letters(page).filter({ hasText: "no_route" }).first().click();
  await details.getByText("No route matches it.").waitFor();
  await details.getByText("acme").waitFor();
  await details.getByText('"no room, so no route"').waitFor();
  await page.keyboard.press("Escape");
}

async function replayTheRepaired(page) {
  await letters(page).filter({ hasText: "fault" }).click();
  await page.getByRole("button", { name: "Replay…" }).click();
  await confirm(page, "Replay 1 dead letter?", "Replay");
  await page.getByText("1 dead letter replayed.").waitFor();
  await shows(page, () => letters(page).filter({ hasText: "fault" }).count(), 0);
}

/** Nothing has changed for this one: it comes back, as the newest. */
async function replayOneInVain(page) {
  const before = await letters(page).filter({ hasText: "no_route" }).first().locator("time").textContent();
  assert.ok(before);
  await letters(page).filter({ hasText: "no_route" }).first().getByRole("checkbox").check();
  await page.getByText("1 letter selected").waitFor();
  await page.getByRole("button", { name: "Replay selected…" }).click();
  await confirm(page, "Replay 1 dead letter?", "Replay");
  await page.getByText("None selected").waitFor();
  await shows(page, () => reloaded(page), 5);
}

async function reloaded(page) {
  await page.getByRole("button", { name: "Reload" }).click();
  return letters(page).count();
}

async function removeTwo(page) {
  for (const index of [0, 1]) await letters(page).nth(index).getByRole("checkbox").check();
  await page.getByRole("button", { name: "Remove selected…" }).click();
  await confirm(page, "Remove 2 dead letters?", "Remove");
  await page.getByText("2 dead letters removed.").waitFor();
  await shows(page, () => letters(page).count(), 3);
}

async function removeAll(page) {
  await page.getByRole("button", { name: "Remove all…" }).click();
  await page.getByRole("dialog").getByText("also those that are not listed here").waitFor();
  await confirm(page, "Remove all dead letters?", "Remove");
  await page.getByText("Everything that came could be published.").waitFor();
}

async function confirm(page, title, action) {
  const dialog = page.getByRole("dialog", { name: title });
  await dialog.getByRole("button", { name: action, exact: true }).click();
  await dialog.waitFor({ state: "detached" });
}
