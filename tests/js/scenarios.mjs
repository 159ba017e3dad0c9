// What npm `centrifuge` does, unchanged, in Node.js and in a browser alike. Each scenario throws when something differs.
import { equal, eventually, next, ok, Recording, rejection } from "./expect.mjs";

const numbers = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

async function connect(world) {
  const client = world.client({ token: await world.token(world.user("ada")) });
  const connected = next(client, "connected");
  client.connect();
  const context = await connected;
  ok(context.client, "no client id");
  equal([context.transport, client.state], ["websocket", "connected"]);
}

async function connect_with_a_forged_token(world) {
  const client = world.client({ token: await world.token("ada", 3600, { secret: "x".repeat(40) }) });
  const disconnected = next(client, "disconnected");
  client.connect();
  equal(await disconnected, { code: 3500, reason: "invalid token" });
}

async function connect_without_a_token(world) {
  const client = world.client();
  const disconnected = next(client, "disconnected");
  client.connect();
  equal((await disconnected).code, 3501);
}

async function connection_token_refresh(world) {
  const user = world.user("ada");
  let asked = 0;
  const getToken = () => {
    asked += 1;
    return world.token(user, 2);
  };
  const client = world.client({ getToken });
  const connecting = new Recording(client, "connecting");
  client.connect();
  await client.ready();
  await eventually(() => asked >= 4, "three refreshes");
  const published = next(client, "publication");
  await world.publish(`personal:#${user}`, "still there");
  equal([(await published).data, connecting.events.length], ["still there", 1]);
}

async function connection_token_of_getToken(world) {
  const user = world.user("ada");
  const client = world.client({ token: await world.token(user, -10), getToken: () => world.token(user) });
  client.connect();
  await client.ready();
  equal(client.state, "connected");
}

async function connection_token_expires(world) {
  const client = world.client({ token: await world.token(world.user("ada"), 1) });
  const disconnected = next(client, "disconnected");
  client.connect();
  await client.ready();
  equal(await disconnected, { code: 1, reason: "unauthorized" });
}

async function subscription_token(world) {
  const [client, channel] = [await world.connected("ada"), world.channel("private")];
  const token = await world.subscriptionToken(world.user("ada"), channel, 3600, { info: { seat: 7 } });
  const { subscription } = await world.subscribed(client, channel, { token });
  const { clients } = await subscription.presence();
  equal(Object.values(clients).map(({ user, chanInfo }) => [user, chanInfo]), [[world.user("ada"), { seat: 7 }]]);
}

async function subscription_token_refresh(world) {
  const [client, channel] = [await world.connected("ada"), world.channel("private")];
  const asked = [];
  const getToken = (context) => {
    asked.push(context.channel);
    return world.subscriptionToken(world.user("ada"), channel, 2);
  };
  const { subscription } = await world.subscribed(client, channel, { getToken });
  const lost = new Recording(subscription, "subscribing");
  await eventually(() => asked.length >= 4, "three refreshes");
  const published = next(subscription, "publication");
  await world.publish(channel, "still there");
  equal([(await published).data, asked[3], lost.events], ["still there", channel, []]);
}

async function subscription_token_that_is_forged(world) {
  const [client, channel] = [await world.connected("ada"), world.channel("private")];
  const token = await world.subscriptionToken(world.user("ada"), channel, 3600, { secret: "x".repeat(40) });
  const subscription = client.newSubscription(channel, { token });
  const unsubscribed = next(subscription, "unsubscribed");
  subscription.subscribe();
  equal((await unsubscribed).code, 103);
  equal(client.state, "connected");
}

async function subscription_token_of_another_channel(world) {
  const client = await world.connected("ada");
  const token = await world.subscriptionToken(world.user("ada"), world.channel("private", "other"));
  const subscription = client.newSubscription(world.channel("private"), { token });
  const disconnected = next(client, "disconnected");
  subscription.subscribe();
  equal((await disconnected).code, 3500);
}

async function subscribe_without_permission(world) {
  const client = await world.connected("ada");
  for (const [channel, code] of [[world.channel("private"), 103], [world.channel("nowhere"), 102]]) {
    const subscription = client.newSubscription(channel);
    const unsubscribed = next(subscription, "unsubscribed");
    subscription.subscribe();
    equal((await unsubscribed).code, code, channel);
  }
  equal(client.state, "connected");
}

async function publish(world) {
  const channel = world.channel("full");
  const [ada, grace] = [await world.connected("ada", {}, { info: { name: "Ada" } }), await world.connected("grace")];
  const { subscription } = await world.subscribed(grace, channel);
  const received = new Recording(subscription, "publication");
  const data = [{ text: "ünï ☃ \u2028", deep: { list: [1, 2.5, null, true] } }, "text", 7, null, false, []];
  for (const item of data) await ada.publish(channel, item);
  await received.until(data.length);
  equal(received.data, data);
  equal(received.events.map(({ offset }) => offset), numbers(1, data.length));
  const { info } = received.events[0];
  equal([info.user, info.connInfo], [world.user("ada"), { name: "Ada" }]);
}

async function publish_from_the_backend(world) {
  const channel = world.channel("full");
  const { subscription } = await world.subscribed(await world.connected("ada"), channel);
  const published = next(subscription, "publication");
  await world.api("publish", { channel, data: { n: 1 }, tags: { kind: "news" } });
  const { data, tags, info, offset } = await published;
  equal([data, tags, info ?? null, offset], [{ n: 1 }, { kind: "news" }, null, 1]);
}

async function publish_without_permission(world) {
  const client = await world.connected("ada");
  equal((await rejection(client.publish(world.channel("silent"), 1))).code, 103);
  equal((await rejection(client.publish(world.channel("nowhere"), 1))).code, 102);
  equal(client.state, "connected");
}

async function publish_many_in_a_batch(world) {
  const [client, channel] = [await world.connected("ada"), world.channel("full")];
  const { subscription } = await world.subscribed(client, channel);
  const received = new Recording(subscription, "publication");
  client.startBatching();
  const published = numbers(1, 50).map((n) => subscription.publish(n));
  client.stopBatching();
  await Promise.all(published);
  await received.until(50);
  equal(received.data, numbers(1, 50));
}

async function presence(world) {
  const channel = world.channel("full");
  const [ada, grace] = [await world.connected("ada", {}, { info: { name: "Ada" } }), await world.connected("grace")];
  const { subscription } = await world.subscribed(ada, channel);
  await world.subscribed(grace, channel);
  const { clients } = await subscription.presence();
  equal(Object.values(clients).map(({ user }) => user).sort(), [world.user("ada"), world.user("grace")]);
  const own = Object.values(clients).find(({ user }) => user === world.user("ada"));
  equal([clients[own.client], own.connInfo], [own, { name: "Ada" }]);
  grace.disconnect();
  await eventually(async () => Object.keys((await subscription.presence()).clients).length === 1, "grace left");
  equal((await rejection(ada.presence(world.channel("plain")))).code, 108);
}

async function presence_stats(world) {
  const channel = world.channel("full");
  const [ada, again] = [await world.connected("ada"), await world.connected("ada")];
  const { subscription } = await world.subscribed(ada, channel);
  await world.subscribed(again, channel);
  equal(await subscription.presenceStats(), { numClients: 2, numUsers: 1 });
  subscription.unsubscribe();
  again.disconnect();
  await eventually(async () => (await ada.presenceStats(channel)).numClients === 0, "both left");
}

async function history(world) {
  const [client, channel] = [await world.connected("ada"), world.channel("full")];
  const { subscription } = await world.subscribed(client, channel);
  await world.publish(channel, 1, 2, 3, 4, 5);
  const dataOf = ({ publications }) => publications.map(({ data }) => data);
  const top = await subscription.history();
  equal([dataOf(top), top.offset], [[], 5]);
  equal(dataOf(await subscription.history({ limit: 100 })), [1, 2, 3, 4, 5]);
  equal(dataOf(await subscription.history({ limit: 2 })), [1, 2]);
  equal(dataOf(await subscription.history({ limit: 2, reverse: true })), [5, 4]);
  const since = { offset: 3, epoch: top.epoch };
  equal(dataOf(await subscription.history({ limit: 100, since })), [4, 5]);
  equal(dataOf(await subscription.history({ limit: 100, since, reverse: true })), [2, 1]);
  const wrong = { offset: 3, epoch: "of another stream" };
  equal((await rejection(subscription.history({ limit: 100, since: wrong }))).code, 112);
  equal((await rejection(client.history(world.channel("plain"), { limit: 1 }))).code, 108);
}

async function rpc(world) {
  const client = await world.connected("ada");
  ok(await client.rpc("ping", {}), "no answer");
  equal((await rejection(client.rpc("no such method", {}))).code, 108);
  equal(client.state, "connected");
}

async function server_side_subscriptions(world) {
  const [granted, later] = [world.channel("full", "granted"), world.channel("full", "later")];
  const user = world.user("ada");
  const client = world.client({ token: await world.token(user, 3600, { channels: [granted] }) });
  const [subscribed, received] = [new Recording(client, "subscribed"), new Recording(client, "publication")];
  const joined = next(client, "join", ({ channel }) => channel === granted);
  client.connect();
  await subscribed.until(2);
  const personal = `personal:#${user}`;
  equal(subscribed.events.map(({ channel }) => channel).sort(), [granted, personal].sort());
  const other = await world.connected("grace");
  await world.subscribed(other, granted);
  await joined;
  await world.publish(granted, "to many");
  await world.publish(personal, "to you");
  await received.until(2);
  equal(received.events.map(({ channel, data }) => [channel, data]), [[granted, "to many"], [personal, "to you"]]);
  await world.api("subscribe", { user, channel: later });
  await subscribed.until(3);
  await world.publish(later, "welcome");
  await received.until(3);
  equal(received.events[2].channel, later);
  const unsubscribed = next(client, "unsubscribed");
  await world.api("unsubscribe", { user, channel: later });
  equal((await unsubscribed).channel, later);
}

async function server_side_recovery_after_a_cut(world) {
  const user = world.user("ada");
  const channel = world.channel("full", "granted");
  const client = world.client({ token: await world.token(user, 3600, { channels: [channel] }) });
  const received = new Recording(client, "publication");
  const isIt = (context) => context.channel === channel;
  const subscribed = next(client, "subscribed", isIt);
  client.connect();
  equal((await subscribed).recoverable, true);
  await world.publish(channel, 1);
  await received.until(1);
  const gone = next(client, "connecting");
  await world.cut();
  await gone;
  await world.publish(channel, 2, 3);
  const back = next(client, "subscribed", isIt);
  await world.mend();
  const { wasRecovering, recovered } = await back;
  await world.publish(channel, 4);
  await received.until(4);
  equal([wasRecovering, recovered, received.data], [true, true, [1, 2, 3, 4]]);
}

async function unsubscribed_by_the_backend(world) {
  const [client, channel] = [await world.connected("ada"), world.channel("full")];
  const { subscription } = await world.subscribed(client, channel);
  const unsubscribed = next(subscription, "unsubscribed");
  await world.api("unsubscribe", { user: world.user("ada"), channel });
  equal((await unsubscribed).code, 2000);
  equal(client.state, "connected");
}

async function join_and_leave(world) {
  const channel = world.channel("full");
  const [ada, grace] = [await world.connected("ada"), await world.connected("grace", {}, { info: { name: "Grace" } })];
  const { subscription } = await world.subscribed(ada, channel);
  const isGrace = ({ info }) => info.user === world.user("grace");
  const joined = next(subscription, "join", isGrace);
  const { subscription: hers } = await world.subscribed(grace, channel);
  equal((await joined).info.connInfo, { name: "Grace" });
  let left = next(subscription, "leave", isGrace);
  hers.unsubscribe();
  await left;
  hers.subscribe();
  await next(subscription, "join", isGrace);
  left = next(subscription, "leave", isGrace);
  grace.disconnect();
  equal((await left).info.connInfo, { name: "Grace" });
}

async function recovery_after_a_cut(world) {
  const channel = world.channel("full");
  const { subscription, context } = await world.subscribed(await world.connected("ada"), channel);
  equal([context.recoverable, context.positioned, context.wasRecovering], [true, true, false]);
  const received = new Recording(subscription, "publication");
  let last = 0;
  for (let round = 1; round <= 3; round += 1) {
    const missed = numbers(last + 1, last + 10 * round);
    const back = await world.cutDuring(subscription, () => world.publish(channel, ...missed));
    equal([back.wasRecovering, back.recovered, back.hasRecoveredPublications], [true, true, true]);
    await world.publish(channel, (last = missed.at(-1) + 1));
    await received.until(last);
  }
  equal(received.data, numbers(1, last));
  equal(received.events.map(({ offset }) => offset), numbers(1, last));
}

async function recovery_while_publishing(world) {
  const channel = world.channel("full");
  const { subscription } = await world.subscribed(await world.connected("ada"), channel);
  const received = new Recording(subscription, "publication");
  const publishing = world.publish(channel, ...numbers(1, 80));
  for (let round = 1; round <= 4; round += 1) {
    await received.until(round * 10);
    equal((await world.cutDuring(subscription, () => {})).recovered, true);
  }
  await publishing;
  await received.until(80);
  equal(received.data, numbers(1, 80));
}

async function nothing_to_recover(world) {
  const channel = world.channel("full");
  const { subscription } = await world.subscribed(await world.connected("ada"), channel);
  const { recovered, hasRecoveredPublications } = await world.cutDuring(subscription, () => {});
  equal([recovered, hasRecoveredPublications], [true, false]);
}

async function unrecoverable(world) {
  const channel = world.channel("short");
  const { subscription } = await world.subscribed(await world.connected("ada"), channel);
  const received = new Recording(subscription, "publication");
  await world.publish(channel, 1);
  await received.until(1);
  const back = await world.cutDuring(subscription, () => world.publish(channel, 2, 3, 4, 5));
  equal([back.wasRecovering, back.recovered, back.streamPosition.offset], [true, false, 5]);
  await world.publish(channel, 6);
  await received.until(2);
  equal(received.data, [1, 6]);
}

async function cache_recovery(world) {
  const channel = world.channel("cache");
  const { subscription } = await world.subscribed(await world.connected("ada"), channel);
  const received = new Recording(subscription, "publication");
  await world.publish(channel, 1);
  await received.until(1);
  equal((await world.cutDuring(subscription, () => world.publish(channel, 2, 3, 4))).recovered, true);
  await received.until(2);
  equal(received.data, [1, 4]);
}

async function state_of_the_application(world) {
  const channel = world.channel("short");
  await world.publish(channel, 1);
  let asked = 0;
  const getState = async () => {
    asked += 1;
    const { offset, epoch } = await world.api("history", { channel, limit: 0 });
    return { offset, epoch };
  };
  const client = await world.connected("ada");
  const { subscription } = await world.subscribed(client, channel, { getState });
  const received = new Recording(subscription, "publication");
  await world.cutDuring(subscription, () => world.publish(channel, 2, 3));
  await received.until(2);
  equal([asked, received.data], [1, [2, 3]], "recovered without asking");
  await world.cutDuring(subscription, () => world.publish(channel, 4, 5, 6, 7));
  await world.publish(channel, 8);
  await received.until(3);
  equal([asked, received.data], [2, [2, 3, 8]], "asked where recovery was refused");
}

async function since_a_known_position(world) {
  const channel = world.channel("full");
  await world.publish(channel, 1, 2, 3);
  const { epoch } = await world.api("history", { channel, limit: 0 });
  const subscription = (await world.connected("ada")).newSubscription(channel, { since: { offset: 1, epoch } });
  const received = new Recording(subscription, "publication");
  subscription.subscribe();
  await received.until(2);
  equal(received.data, [2, 3]);
}

async function terminal_disconnect(world) {
  const client = await world.connected("ada");
  const connecting = new Recording(client, "connecting");
  const disconnected = next(client, "disconnected");
  await world.api("disconnect", { user: world.user("ada"), disconnect: { code: 3503, reason: "force disconnect" } });
  equal(await disconnected, { code: 3503, reason: "force disconnect" });
  equal([client.state, connecting.events], ["disconnected", []]);
}

async function disconnect_with_reconnect(world) {
  const client = await world.connected("ada");
  const [connecting, connected] = [next(client, "connecting"), next(client, "connected")];
  const disconnect = { code: 3001, reason: "shutdown" };
  await world.api("disconnect", { user: world.user("ada"), disconnect });
  equal(await connecting, disconnect);
  await connected;
}

async function connect_disconnect_loop(world) {
  const client = await world.connected("ada");
  const disconnected = new Recording(client, "disconnected");
  for (let round = 0; round < 30; round += 1) {
    client.disconnect();
    client.connect();
  }
  await client.ready();
  equal([client.state, disconnected.events.length], ["connected", 30]);
  ok(await client.rpc("ping", {}), "connected, but nobody answers");
  const channel = `personal:#${world.user("ada")}`;
  const count = async () => (await world.api("presence_stats", { channel })).num_clients;
  await eventually(async () => (await count()) === 1, "the abandoned connections are gone");
}

async function subscribe_unsubscribe_loop(world) {
  const [client, channel] = [await world.connected("ada"), world.channel("full")];
  const subscription = client.newSubscription(channel);
  for (let round = 0; round < 60; round += 1) {
    subscription.subscribe();
    subscription.unsubscribe();
  }
  subscription.subscribe();
  await subscription.ready();
  const published = next(subscription, "publication");
  await world.publish(channel, "last state");
  equal([subscription.state, (await published).data], ["subscribed", "last state"]);
  equal((await client.presenceStats(channel)).numClients, 1);
  subscription.unsubscribe();
  for (let round = 0; round < 60; round += 1) {
    subscription.subscribe();
    subscription.unsubscribe();
  }
  await eventually(async () => (await client.presenceStats(channel)).numClients === 0, "unsubscribed in the end");
}

async function many_subscriptions_in_the_first_frame(world) {
  const client = world.client({ token: await world.token(world.user("ada")) });
  const subscriptions = numbers(1, 60).map((n) => client.newSubscription(world.channel("full", `room${n}`)));
  for (const subscription of subscriptions) subscription.subscribe();
  client.connect();
  await Promise.all(subscriptions.map((subscription) => subscription.ready()));
  equal(new Set(subscriptions.map(({ state }) => state)).size, 1);
}

export const scenarios = {
  cache_recovery,
  connect,
  connect_disconnect_loop,
  connect_with_a_forged_token,
  connect_without_a_token,
  connection_token_expires,
  connection_token_of_getToken,
  connection_token_refresh,
  disconnect_with_reconnect,
  history,
  join_and_leave,
  many_subscriptions_in_the_first_frame,
  nothing_to_recover,
  presence,
  presence_stats,
  publish,
  publish_from_the_backend,
  publish_many_in_a_batch,
  publish_without_permission,
  recovery_after_a_cut,
  recovery_while_publishing,
  rpc,
  server_side_recovery_after_a_cut,
  server_side_subscriptions,
  since_a_known_position,
  state_of_the_application,
  subscribe_unsubscribe_loop,
  subscribe_without_permission,
  subscription_token,
  subscription_token_of_another_channel,
  subscription_token_refresh,
  subscription_token_that_is_forged,
  terminal_disconnect,
  unrecoverable,
  unsubscribed_by_the_backend,
};
