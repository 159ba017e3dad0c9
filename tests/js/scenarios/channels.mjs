// Subscriptions and what can be done in a channel.
import { equal, eventually, next, numbers, Recording, rejection } from "../expect.mjs";

export async function subscription_token(world) {
  const [client, channel] = [await world.connected("ada"), world.channel("private")];
  const token = await world.subscriptionToken(world.user("ada"), channel, 3600, { info: { seat: 7 } });
  const { subscription } = await world.subscribed(client, channel, { token });
  const { clients } = await subscription.presence();
  equal(Object.values(clients).map(({ user, chanInfo }) => [user, chanInfo]), [[world.user("ada"), { seat: 7 }]]);
}

export async function subscription_token_refresh(world) {
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

export async function subscription_token_that_is_forged(world) {
  const [client, channel] = [await world.connected("ada"), world.channel("private")];
  const token = await world.subscriptionToken(world.user("ada"), channel, 3600, { secret: "x".repeat(40) });
  const subscription = client.newSubscription(channel, { token });
  const unsubscribed = next(subscription, "unsubscribed");
  subscription.subscribe();
  equal((await unsubscribed).code, 103);
  equal(client.state, "connected");
}

export async function subscription_token_of_another_channel(world) {
  const client = await world.connected("ada");
  const token = await world.subscriptionToken(world.user("ada"), world.channel("private", "other"));
  const subscription = client.newSubscription(world.channel("private"), { token });
  const disconnected = next(client, "disconnected");
  subscription.subscribe();
  equal((await disconnected).code, 3500);
}

export async function subscribe_without_permission(world) {
  const client = await world.connected("ada");
  for (const [channel, code] of [[world.channel("private"), 103], [world.channel("nowhere"), 102]]) {
    const subscription = client.newSubscription(channel);
    const unsubscribed = next(subscription, "unsubscribed");
    subscription.subscribe();
    equal((await unsubscribed).code, code, channel);
  }
  equal(client.state, "connected");
}

export async function unsubscribed_by_the_backend(world) {
  const [client, channel] = [await world.connected("ada"), world.channel("full")];
  const { subscription } = await world.subscribed(client, channel);
  const unsubscribed = next(subscription, "unsubscribed");
  await world.api("unsubscribe", { user: world.user("ada"), channel });
  equal((await unsubscribed).code, 2000);
  equal(client.state, "connected");
}

export async function subscribe_unsubscribe_loop(world) {
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

export async function many_subscriptions_in_the_first_frame(world) {
  const client = world.client({ token: await world.token(world.user("ada")) });
  const subscriptions = numbers(1, 60).map((n) => client.newSubscription(world.channel("full", `room${n}`)));
  for (const subscription of subscriptions) subscription.subscribe();
  client.connect();
  await Promise.all(subscriptions.map((subscription) => subscription.ready()));
  equal(new Set(subscriptions.map(({ state }) => state)).size, 1);
}

export async function publish(world) {
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

export async function publish_from_the_backend(world) {
  const channel = world.channel("full");
  const { subscription } = await world.subscribed(await world.connected("ada"), channel);
  const published = next(subscription, "publication");
  await world.api("publish", { channel, data: { n: 1 }, tags: { kind: "news" } });
  const { data, tags, info, offset } = await published;
  equal([data, tags, info ?? null, offset], [{ n: 1 }, { kind: "news" }, null, 1]);
}

export async function publish_without_permission(world) {
  const client = await world.connected("ada");
  equal((await rejection(client.publish(world.channel("silent"), 1))).code, 103);
  equal((await rejection(client.publish(world.channel("nowhere"), 1))).code, 102);
  equal(client.state, "connected");
}

export async function publish_many_in_a_batch(world) {
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

export async function presence(world) {
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

export async function presence_stats(world) {
  const channel = world.channel("full");
  const [ada, again] = [await world.connected("ada"), await world.connected("ada")];
  const { subscription } = await world.subscribed(ada, channel);
  await world.subscribed(again, channel);
  equal(await subscription.presenceStats(), { numClients: 2, numUsers: 1 });
  subscription.unsubscribe();
  again.disconnect();
  await eventually(async () => (await ada.presenceStats(channel)).numClients === 0, "both left");
}

export async function history(world) {
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

export async function join_and_leave(world) {
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

export async function server_side_subscriptions(world) {
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
