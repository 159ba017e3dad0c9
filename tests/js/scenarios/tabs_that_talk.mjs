// Tabs of a browser with Web Locks: they know who lives, and tell each other.
import { equal, eventually } from "../expect.mjs";
import { loggedOut } from "../syncline/checks.mjs";

export async function another_tab_delivers_what_a_closed_one_has_left(world, way) {
  const browser = await world.browser(way);
  const [closing, staying] = await browser.loggedInTabs(2);
  const [elsewhere] = await (await world.browser(way)).loggedInTabs(1);
  await staying.run(() => app.client.state("draft").ready());
  await closing.run(() => app.client.state("draft").set({ n: 1 }));
  await world.cut();
  await eventually(() => closing.run(() => app.client.state("draft").status.phase === "offline"), "offline");
  await closing.run(() => void app.client.state("draft").merge({ left: true }));
  await closing.run(() => app.client.state("draft").saved());
  await closing.close();
  await world.mend();
  await elsewhere.shows("draft", { n: 1, left: true });
  await staying.shows("draft", { n: 1, left: true });
}

export async function logging_out_in_one_tab_logs_out_all(world, way) {
  const tabs = await (await world.browser(way)).loggedInTabs(3);
  await tabs[1].run(() => app.client.logout());
  for (const tab of tabs) await loggedOut(tab, ["logout"]);
  for (const tab of tabs) equal(await tab.reload(), null, "nobody");
}
