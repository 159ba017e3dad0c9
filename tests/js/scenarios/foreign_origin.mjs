// What a page of an origin that is not allowed finds.
import { equal, ok, Recording, rejection } from "../expect.mjs";

export async function foreign_origin_cannot_connect(world) {
  const client = world.client({ token: await world.token(world.user("ada")), timeout: 2_000 });
  const errors = new Recording(client, "error");
  const connected = new Recording(client, "connected");
  client.connect();
  await errors.until(3);
  equal([client.state, connected.events], ["connecting", []]);
  ok(errors.events.every(({ type }) => type === "transport"), JSON.stringify(errors.events));
}

export async function foreign_origin_cannot_open_a_socket(world) {
  const socket = new WebSocket(world.wsUrl);
  const closed = new Promise((resolve) => socket.addEventListener("close", resolve));
  socket.addEventListener("open", () => socket.send('{"id":1,"connect":{}}'));
  equal((await closed).code, 1006);
}

export async function foreign_origin_cannot_call_the_api(world) {
  const url = world.wsUrl.replace("ws:", "http:").replace("/connection/websocket", "/api/info");
  const headers = { "X-API-Key": "a key a page may have got hold of", "Content-Type": "application/json" };
  await rejection(fetch(url, { method: "POST", headers, body: "{}" }));
}
