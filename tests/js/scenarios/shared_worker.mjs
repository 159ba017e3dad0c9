// The worker that holds the connection, when something is wrong with it.
import { equal, eventually } from "../expect.mjs";
import { leaders, ownConnections } from "../syncline/checks.mjs";

export async function a_worker_that_does_not_start_is_done_without(world, way) {
  const browser = await world.browser(way);
  await browser.context.route("**/worker.js", (route) => route.fulfill({ status: 404 }));
  const tabs = await browser.loggedInTabs(3);
  equal(await leaders(tabs[0]), 1, "leaders");
  equal(await ownConnections(tabs[0]), 1, "connections");
}

export async function a_worker_that_dies_is_started_again(world, way) {
  const tabs = await (await world.browser(way)).loggedInTabs(3);
  for (const tab of tabs) await tab.run(() => app.client.state("cart").ready());
  await world.killWorkers();
  await tabs[0].run(() => app.client.state("cart").set({ after: "the worker's death" }));
  for (const tab of tabs) await tab.shows("cart", { after: "the worker's death" });
  equal(await leaders(tabs[0]), 0, "leaders");
  await eventually(async () => (await ownConnections(tabs[0])) === 1, "one connection");
}
