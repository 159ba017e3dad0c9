// What a cut wire costs: nothing that can be had back, and no lie about what cannot.
import { equal, next, numbers, Recording } from "../expect.mjs";

export async function recovery_after_a_cut(world) {
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

export async function recovery_while_publishing(world) {
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

export async function nothing_to_recover(world) {
  const channel = world.channel("full");
  const { subscription } = await world.subscribed(await world.connected("ada"), channel);
  const { recovered, hasRecoveredPublications } = await world.cutDuring(subscription, () => {});
  equal([recovered, hasRecoveredPublications], [true, false]);
}

export async function unrecoverable(world) {
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

export async function cache_recovery(world) {
  const channel = world.channel("cache");
  const { subscription } = await world.subscribed(await world.connected("ada"), channel);
  const received = new Recording(subscription, "publication");
  await world.publish(channel, 1);
  await received.until(1);
  equal((await world.cutDuring(subscription, () => world.publish(channel, 2, 3, 4))).recovered, true);
  await received.until(2);
  equal(received.data, [1, 4]);
}

export async function state_of_the_application(world) {
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

export async function since_a_known_position(world) {
  const channel = world.channel("full");
  await world.publish(channel, 1, 2, 3);
  const { epoch } = await world.api("history", { channel, limit: 0 });
  const subscription = (await world.connected("ada")).newSubscription(channel, { since: { offset: 1, epoch } });
  const received = new Recording(subscription, "publication");
  subscription.subscribe();
  await received.until(2);
  equal(received.data, [2, 3]);
}

export async function server_side_recovery_after_a_cut(world) {
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
