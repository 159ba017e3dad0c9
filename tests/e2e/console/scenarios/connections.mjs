// Who is connected; to be found, looked into, and ended.
import assert from "node:assert/strict";
import { enter, rows, shows, withConsole } from "../page.mjs";

const found = (page) => rows(page, "Connections");

export const scenarios = {
  async search(hub) {
    await withConsole(hub, async (page) => {
      await enter(page, hub, "#/connections?user=ada");
      await shows(page, () => found(page).count(), 2);
      await page.getByLabel("User begins with").fill("adam");
      await shows(page, () => found(page).count(), 1);
      assert.match(page.url(), /user=adam/);
      await page.getByLabel("Search by").selectOption("client");
      await page.getByLabel("Client id begins with").fill(hub.ada.slice(0, 12));
      await shows(page, () => found(page).filter({ hasText: "ada" }).count(), 1);
      await page.reload();
      await shows(page, () => found(page).count(), 1);
      await found(page).first().click();
      const details = page.getByRole("complementary", { name: "Details" });
      await details.getByText(hub.ada).waitFor();
      await details.getByText("none: its token is not of this platform").waitFor();
      assert.ok(await details.getByRole("button", { name: "Revoke session…" }).isDisabled());
      await details.getByRole("link", { name: "chat:kitchen" }).click();
      await page.getByRole("heading", { level: 1, name: "chat:kitchen" }).waitFor();
      await page.goBack();
      await shows(page, () => page.getByLabel("Node").locator("option").count(), 3);
      const nodes = await page.getByLabel("Node").locator("option").allTextContents();
      await page.getByLabel("Client id begins with").fill("");
      await page.getByLabel("Search by").selectOption("user");
      await page.getByLabel("User begins with").fill("adam");
      const adam = found(page).filter({ hasText: "adam" });
      await shows(page, () => adam.count(), 1);
      const name = await adam.locator(".node-name").innerText();
      await page.getByLabel("Node").selectOption({ label: nodes.find((node) => ![name, "All nodes"].includes(node)) });
      await page.getByText("No connection matches").waitFor();
    });
  },

  async disconnect(hub) {
    await withConsole(hub, async (page) => {
      const dialog = await askToDisconnect(page, hub);
      await dialog.getByText("Its client connects again by itself").waitFor();
      await dialog.getByRole("button", { name: "Disconnect" }).click();
      await page.getByRole("status").getByText(`Disconnected ${hub.user}.`).waitFor();
      await dialog.waitFor({ state: "detached" });
      await page.getByText("This connection has ended").waitFor();
      await shows(page, () => found(page).count(), 1);
    });
  },

  async disconnect_for_good(hub) {
    await withConsole(hub, async (page) => {
      const dialog = await askToDisconnect(page, hub);
      await page.keyboard.press("Escape");
      await dialog.waitFor({ state: "detached" });
      assert.equal(await found(page).count(), 1);
      await page.getByRole("button", { name: "Disconnect…" }).click();
      await dialog.getByRole("radio", { name: "Must not reconnect" }).check();
      await dialog.getByText("Its client stays away").waitFor();
      await dialog.getByRole("button", { name: "Disconnect" }).click();
      await page.getByText("This connection has ended").waitFor();
      await page.getByText("No connection matches").waitFor();
    });
  },

  async revoke(hub) {
    await withConsole(hub, async (page) => {
      await enter(page, hub, `#/connections?session=${hub.session}`);
      await shows(page, () => found(page).count(), 1);
      await found(page).first().click();
      await page.getByRole("button", { name: "Revoke session…" }).click();
      const dialog = page.getByRole("dialog", { name: "Revoke this session?" });
      await dialog.getByText(hub.session).waitFor();
      await dialog.getByText("Its tokens are worth nothing from then on.").waitFor();
      await dialog.getByRole("button", { name: "Revoke session" }).click();
      await page.getByRole("status").getByText(/^Revoked the session of/).waitFor();
      await page.getByText("No connection matches").waitFor();
    });
  },

  async by_keyboard(hub) {
    await withConsole(hub, async (page) => {
      await enter(page, hub, `#/connections?client=${hub.client}`);
      await shows(page, () => found(page).count(), 1);
      await page.getByLabel("Node").focus();
      await page.keyboard.press("Tab");
      for (let step = 0; step < 10 && !(await isRowFocused(page)); step += 1) await page.keyboard.press("Tab");
      await page.keyboard.press("Enter");
      await page.getByRole("complementary", { name: "Details" }).waitFor();
      await page.keyboard.press("Tab");
      await page.keyboard.press("Tab");
      await shows(page, () => page.evaluate(() => document.activeElement.textContent), "Disconnect…");
      await page.keyboard.press("Enter");
      const dialog = page.getByRole("dialog", { name: "Disconnect this connection?" });
      await dialog.waitFor();
      for (let step = 0; step < 12; step += 1) {
        await page.keyboard.press("Tab");
        assert.ok(await isFocusInside(page, "dialog"), "the focus left the dialog");
      }
      await page.keyboard.press("Escape");
      await dialog.waitFor({ state: "detached" });
      await shows(page, () => page.evaluate(() => document.activeElement.textContent), "Disconnect…");
      await page.keyboard.press("Escape");
      await page.getByRole("complementary", { name: "Details" }).waitFor({ state: "detached" });
    });
  },
};

async function askToDisconnect(page, hub) {
  await enter(page, hub, `#/connections?user=${hub.user}`);
  await shows(page, () => found(page).count(), 1);
  await found(page).first().click();
  await page.getByRole("button", { name: "Disconnect…" }).click();
  const dialog = page.getByRole("dialog", { name: "Disconnect this connection?" });
  await dialog.getByText(hub.client).waitFor();
  return dialog;
}

function isRowFocused(page) {
  return page.evaluate(() => document.activeElement.matches("tbody > tr"));
}

/** The browser itself may have it for one step, on its way round. */
function isFocusInside(page, selector) {
  return page.evaluate((inside) => document.activeElement === document.body || document.activeElement.closest(inside) !== null, selector);
}
