// The package `syncline` in the tabs of browsers. Each scenario runs in each way in which tabs can share a connection.
import { equal, eventually, numbers, ok } from "../expect.mjs";
import { leaders, loggedOut, ownConnections } from "../syncline/checks.mjs";

export async function one_connection(world, way) {
  const browser = await world.browser(way);
  const tabs = await browser.loggedInTabs(5);
  equal(await ownConnections(tabs[0]), way === "nothing" ? 5 : 1, "connections");
  equal(await leaders(tabs[0]), way === "election" ? 1 : 0, "leaders");
  for (const tab of tabs) await tab.run(() => app.client.state("cart").ready());
  await tabs[1].run(() => app.client.state("cart").set({ apples: 1 }));
  for (const tab of tabs) await tab.shows("cart", { apples: 1 });
  await tabs[0].run(() => app.listen(`full:${app.client.user.id}`));
  await tabs[4].run(() => app.listen(`full:${app.client.user.id}`));
  for (const tab of [tabs[0], tabs[4]]) await eventually(() => tab.run(() => app.isListening), "listening");
  await tabs[4].run(() => app.channel.publish({ hello: 1 }));
  for (const tab of [tabs[0], tabs[4]]) await eventually(() => tab.run(() => app.heard.length === 1), "heard");
  equal(await tabs[2].run(() => app.heard), []);
}

export async function twenty_tabs_refresh_at_once(world, way) {
  const browser = await world.browser(way);
  const tabs = await browser.loggedInTabs(20);
  browser.refreshes = 0;
  const before = await Promise.all(tabs.map((tab) => tab.run(() => app.client.token())));
  await Promise.all(tabs.map((tab) => tab.run(() => app.client.refreshToken())));
  const after = await Promise.all(tabs.map((tab) => tab.run(() => app.client.token())));
  if (way !== "nothing") {
    equal(browser.refreshes, 1, "refreshes");
    equal(new Set(after).size, 1, "tokens");
  }
  ok(
    after.every((token, i) => token && token !== before[i]),
    "all have a new one",
  );
  equal((await Promise.all(tabs.map((tab) => tab.run(() => app.loggedOut)))).flat(), []);
  const sessions = await tabs[7].run(() => app.client.sessions.list());
  equal(sessions.length, 1, "sessions");
  await tabs[19].run(() => app.client.state("cart").set("still here"));
  await tabs[0].shows("cart", "still here");
}

export async function tabs_close_one_by_one(world, way) {
  const browser = await world.browser(way);
  const tabs = await browser.loggedInTabs(4);
  for (const tab of tabs) await tab.run(() => app.listen(`full:${app.client.user.id}`));
  for (const tab of tabs) await eventually(() => tab.run(() => app.isListening), "listening");
  let sent = 0;
  for (let first = 0; first < 3; first++) {
    await tabs[3].run((n) => app.channel.publish(n), (sent += 1));
    await tabs[first].close(); // in "election" it is the one that leads
    await eventually(
      () =>
        tabs[3].run(
          (n) =>
            app.channel.publish(n).then(
              () => true,
              () => false,
            ),
          sent + 1,
        ),
      "published",
    );
    sent += 1;
    for (const tab of tabs.slice(first + 1))
      await eventually(() => tab.run((n) => app.heard.at(-1) === n, sent), `heard ${sent}`);
  }
  const heard = await tabs[3].run(() => app.heard); // a publication that was repeated, for want of an answer, is in it twice
  equal([...new Set(heard)], numbers(1, sent), "everything, in order");
  await tabs[3].run(() => app.client.state("cart").set({ by: "the last one" }));
  equal(await ownConnections(tabs[3]), 1);
}

export async function offline_edits_survive_a_reload(world, way) {
  const browser = await world.browser(way);
  const [tab] = await browser.loggedInTabs(1);
  const [elsewhere] = await (await world.browser(way)).loggedInTabs(1);
  await tab.run(() => app.client.state("draft").set({ text: "one", n: 1 }));
  await world.cut();
  await eventually(() => tab.run(() => app.client.state("draft").status.phase === "offline"), "offline");
  await tab.run(() => {
    void app.client.state("draft").merge({ text: "two" });
    void app.client.state("draft").update((value) => ({ ...value, n: value.n + 1 }));
  });
  await tab.shows("draft", { text: "two", n: 2 });
  await tab.reload();
  equal(await tab.run(() => app.client.user.email), world.credentials.email, "still logged in");
  await tab.shows("draft", { text: "two", n: 2 });
  equal(await tab.run(() => app.client.state("draft").status.phase), "offline");
  await world.mend();
  await tab.run(() => app.client.state("draft").flush());
  await elsewhere.shows("draft", { text: "two", n: 2 });
  equal(await elsewhere.run(() => app.client.state("draft").version), 3);
}

export async function signed_out_from_elsewhere(world, way) {
  const tabs = await (await world.browser(way)).loggedInTabs(3);
  const [elsewhere] = await (await world.browser(way)).loggedInTabs(1);
  await tabs[0].run(() => app.client.state("cart").set("mine"));
  equal(await elsewhere.run(() => app.client.sessions.revokeOthers()), 1);
  for (const tab of tabs) await loggedOut(tab, ["revoked", "session_revoked"]);
  await tabs[1].reload();
  equal(await tabs[1].run(() => app.client.user), null, "still nobody after a reload");
  equal(await elsewhere.run(() => app.client.connection), "connected");
  await tabs[2].login(world.credentials);
  await tabs[2].shows("cart", "mine");
  if (way !== "nothing") await eventually(() => tabs[0].run(() => app.client.user !== null), "the others follow");
}

export async function nothing_that_scripts_can_read(world, way) {
  const [tab] = await (await world.browser(way)).loggedInTabs(1);
  const stored = await tab.run(async () => {
    const request = indexedDB.open("syncline");
    await new Promise((resolve) => (request.onsuccess = resolve));
    const all = request.result.transaction("values").objectStore("values").getAll();
    await new Promise((resolve) => (all.onsuccess = resolve));
    return JSON.stringify([all.result, document.cookie, { ...localStorage }, { ...sessionStorage }]);
  });
  const token = await tab.run(() => app.client.token());
  ok(!stored.includes(token), "no access token");
  ok(!stored.includes("refresh"), "no refresh token");
  const cookies = await tab.page.context().cookies(world.hubUrl);
  equal(
    cookies.map(({ name, httpOnly, secure, sameSite }) => [name, httpOnly, secure, sameSite]),
    [["__Host-syncline-refresh", true, true, "Strict"]],
  );
}
