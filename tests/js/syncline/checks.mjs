// What scenarios of tabs look at.
import { equal, eventually, ok } from "../expect.mjs";

/** Connections of this browser's session that the server counts. */
export const ownConnections = (tab) =>
  tab.run(async () => (await app.client.sessions.list()).find(({ current }) => current).connections);

/** The tab has been told, for one of these reasons. */
export async function loggedOut(tab, reasons) {
  await eventually(() => tab.run(() => app.loggedOut.length > 0), "logged out");
  const [reason] = await tab.run(() => app.loggedOut);
  ok(reasons.includes(reason), `not for ${reason}`);
  equal(await tab.run(() => app.client.user), null);
}

/** How many tabs hold a connection for the others. */
export const leaders = (tab) =>
  tab.run(async () => {
    const { held = [] } = (await navigator.locks?.query()) ?? {};
    return held.filter(({ name }) => name.startsWith("syncline:leader:")).length;
  });
