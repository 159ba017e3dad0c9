// Connecting, connection tokens, and how connections end.
import { equal, eventually, next, ok, Recording, rejection } from "../expect.mjs";

export async function connect(world) {
  const client = world.client({ token: await world.token(world.user("ada")) });
  const connected = next(client, "connected");
  client.connect();
  const context = await connected;
  ok(context.client, "no client id");
  equal([context.transport, client.state], ["websocket", "connected"]);
}

export async function connect_with_a_forged_token(world) {
  const client = world.client({ token: await world.token("ada", 3600, { secret: "x".repeat(40) }) });
  const disconnected = next(client, "disconnected");
  client.connect();
  equal(await disconnected, { code: 3500, reason: "invalid token" });
}

export async function connect_without_a_token(world) {
  const client = world.client();
  const disconnected = next(client, "disconnected");
  client.connect();
  equal((await disconnected).code, 3501);
}

export async function connection_token_refresh(world) {
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

export async function connection_token_of_getToken(world) {
  const user = world.user("ada");
  const client = world.client({ token: await world.token(user, -10), getToken: () => world.token(user) });
  client.connect();
  await client.ready();
  equal(client.state, "connected");
}

export async function connection_token_expires(world) {
  const client = world.client({ token: await world.token(world.user("ada"), 1) });
  const disconnected = next(client, "disconnected");
  client.connect();
  await client.ready();
  equal(await disconnected, { code: 1, reason: "unauthorized" });
}

export async function terminal_disconnect(world) {
  const client = await world.connected("ada");
  const connecting = new Recording(client, "connecting");
  const disconnected = next(client, "disconnected");
  await world.api("disconnect", { user: world.user("ada"), disconnect: { code: 3503, reason: "force disconnect" } });
  equal(await disconnected, { code: 3503, reason: "force disconnect" });
  equal([client.state, connecting.events], ["disconnected", []]);
}

export async function disconnect_with_reconnect(world) {
  const client = await world.connected("ada");
  const [connecting, connected] = [next(client, "connecting"), next(client, "connected")];
  const disconnect = { code: 3001, reason: "shutdown" };
  await world.api("disconnect", { user: world.user("ada"), disconnect });
  equal(await connecting, disconnect);
  await connected;
}

export async function connect_disconnect_loop(world) {
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

export async function rpc(world) {
  const client = await world.connected("ada");
  ok(await client.rpc("ping", {}), "no answer");
  equal((await rejection(client.rpc("no such method", {}))).code, 108);
  equal(client.state, "connected");
}
