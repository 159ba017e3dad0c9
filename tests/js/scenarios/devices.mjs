// The package `syncline` in Node.js, on a running server. Access tokens last seconds here, so each is refreshed on the way.
import { MemoryStore } from "../../../clients/js/dist/index.js";
import { equal, eventually, ok, rejection } from "../expect.mjs";
import { password } from "../syncline/world.mjs";

const shows = (state, value) =>
  eventually(
    () => JSON.stringify(state.value) === JSON.stringify(value),
    `${JSON.stringify(value)}, not ${JSON.stringify(state.value)}`,
  );

const once = (client, kind) =>
  new Promise((resolve) => {
    const stop = client.on(kind, (event) => {
      stop();
      resolve(event);
    });
  });

export async function two_devices_converge(world) {
  const [phone, laptop] = [await world.loggedIn(), await world.loggedIn()];
  const [onPhone, onLaptop] = [phone.state("cart"), laptop.state("cart")];
  await onPhone.set({ apples: 1 });
  await shows(onLaptop, { apples: 1 });
  onLaptop.merge({ pears: 2 });
  onPhone.patch([{ op: "add", path: "/plums", value: [3] }]);
  await Promise.all([onPhone.flush(), onLaptop.flush()]);
  await eventually(() => onPhone.version === 3 && onLaptop.version === 3, "both have three versions");
  equal(onPhone.value, { apples: 1, pears: 2, plums: [3] });
  equal(onLaptop.value, onPhone.value);
  await onPhone.remove();
  await eventually(() => onLaptop.value === undefined, "it is gone from the other");
}

export async function concurrent_updates_are_all_counted(world) {
  const devices = [await world.loggedIn(), await world.loggedIn(), await world.loggedIn()];
  const states = devices.map((device) => device.state("counter"));
  await Promise.all(states.map((state) => state.ready()));
  const add = (state) => state.update((value) => ({ n: (value?.n ?? 0) + 1 }));
  for (let round = 0; round < 5; round++) {
    const outcomes = await Promise.all(states.map(add));
    ok(
      outcomes.every(({ accepted }) => accepted),
      `all are accepted: ${JSON.stringify(outcomes)}`,
    );
  }
  for (const state of states) await shows(state, { n: 15 });
}

export async function offline_edits_arrive(world) {
  const [phone, laptop] = [await world.loggedIn(), await world.loggedIn()];
  const [onPhone, onLaptop] = [phone.state("draft"), laptop.state("draft")];
  await onPhone.set({ title: "", n: 0 });
  await shows(onLaptop, { title: "", n: 0 });
  await world.cut();
  await eventually(() => onPhone.status.phase === "offline", "the phone knows");
  for (let i = 0; i < 3; i++) {
    onPhone.update((value) => ({ ...value, n: value.n + 1 }));
    onLaptop.update((value) => ({ ...value, n: value.n + 1 }));
  }
  onPhone.merge({ title: "from the phone" });
  equal(onPhone.value, { title: "from the phone", n: 3 });
  await world.mend();
  await Promise.all([onPhone.flush(), onLaptop.flush()]);
  for (const state of [onPhone, onLaptop]) await shows(state, { title: "from the phone", n: 6 });
}

export async function offline_edits_survive_a_restart(world) {
  const store = new MemoryStore();
  const before = await world.loggedIn(store);
  const other = await world.loggedIn();
  await before.state("cart").set({ apples: 1 });
  await world.cut();
  await eventually(() => before.state("cart").status.phase === "offline", "offline");
  before.state("cart").merge({ pears: 2 });
  before.state("notes").set("not seen by the application after the restart");
  await eventually(
    async () => (await store.entries("")).filter(([, value]) => value?.queue?.length).length === 2,
    "both are stored",
  );
  await before.close();
  const after = world.device(store);
  await after.ready();
  equal(after.user.email, world.email, "still logged in, offline");
  const cart = after.state("cart");
  await shows(cart, { apples: 1, pears: 2 });
  equal(cart.status.phase, "offline");
  await world.mend();
  await cart.flush();
  await shows(other.state("cart"), { apples: 1, pears: 2 });
  await shows(other.state("notes"), "not seen by the application after the restart");
}

export async function answers_that_are_lost_apply_once(world) {
  const [phone, laptop] = [await world.loggedIn(), await world.loggedIn()];
  const state = phone.state("log");
  await state.set([]);
  for (let i = 0; i < 8; i++) {
    const outcome = state.patch([{ op: "add", path: "/-", value: i }]);
    await Promise.resolve();
    await world.cut();
    await world.mend();
    ok((await outcome).accepted, `edit ${i}`);
  }
  await shows(laptop.state("log"), [0, 1, 2, 3, 4, 5, 6, 7]);
}

export async function a_refused_edit_is_told_and_taken_back(world) {
  const device = await world.loggedIn();
  const state = device.state("cart");
  await state.set({ a: 1 });
  const outcome = await state.patch([
    { op: "test", path: "/a", value: 2 },
    { op: "replace", path: "/a", value: 3 },
  ]);
  equal([outcome.accepted, outcome.error.code, outcome.error.status], [false, "patch_failed", 400]);
  equal(state.value, { a: 1 });
  equal(state.status.refused, 1);
  ok((await state.merge({ b: 2 })).accepted, "the next one goes through");
}

export async function a_large_document_goes_over_rest(world) {
  const [phone, laptop] = [await world.loggedIn(), await world.loggedIn()];
  const text = "x".repeat(50_000);
  const outcome = await phone.state("page").set({ text });
  ok(outcome.accepted, JSON.stringify(outcome));
  await eventually(() => laptop.state("page").value?.text === text, "the other has it");
  const longer = await laptop.state("page").update((value) => ({ text: `${value.text}y` }));
  ok(longer.accepted, JSON.stringify(longer));
  await eventually(() => phone.state("page").value?.text === `${text}y`, "and back");
  equal(phone.connection, "connected");
}

export async function a_revoked_device_is_logged_out_and_wiped(world) {
  const store = new MemoryStore();
  const phone = await world.loggedIn(store, "Phone");
  const laptop = await world.loggedIn(undefined, "Laptop");
  await phone.state("cart").set({ apples: 1 });
  const loggedOut = once(phone, "loggedOut");
  const told = once(laptop, "sessionsChanged");
  const phones = (await laptop.sessions.list()).find(({ name }) => name === "Phone");
  equal([phones.current, phones.connections], [false, 1]);
  await laptop.sessions.revoke(phones.id);
  ok(["revoked", "session_revoked"].includes((await loggedOut).reason), "it says why");
  await told;
  equal(phone.user, null);
  await eventually(
    async () => (await store.entries("")).every(([name]) => name.endsWith("|device")),
    "nothing is left",
  );
  equal(
    (await laptop.sessions.list()).map(({ name }) => name),
    ["Laptop"],
  );
  equal(laptop.connection, "connected");
  equal((await rejection(Promise.resolve().then(() => phone.state("cart")))).name, "LoggedOutError");
  await phone.login(world.credentials);
  await shows(phone.state("cart"), { apples: 1 });
}

export async function the_list_of_devices_is_live(world) {
  const laptop = await world.loggedIn(undefined, "Laptop");
  let names = [];
  const stop = laptop.sessions.subscribe((sessions) => (names = sessions.map(({ name }) => name)));
  const online = once(laptop, "deviceOnline");
  const phone = await world.loggedIn(undefined, "Phone");
  equal((await online).did.length, 32);
  await eventually(() => names.join() === "Phone,Laptop", "the phone is in it");
  await laptop.sessions.rename(phone.session.id, "Old phone");
  await eventually(() => names.join() === "Old phone,Laptop", "it has a new name");
  equal(await laptop.sessions.revokeOthers(), 1);
  await eventually(() => names.join() === "Laptop", "it is gone");
  stop();
}

export async function a_new_password_ends_the_other_sessions(world) {
  const [phone, laptop] = [await world.loggedIn(), await world.loggedIn()];
  const loggedOut = once(phone, "loggedOut");
  const newPassword = `${password} again`;
  await laptop.changePassword(password, newPassword);
  await loggedOut;
  equal((await rejection(phone.login(world.credentials))).code, "invalid_credentials");
  await phone.login({ email: world.email, password: newPassword });
  equal(laptop.connection, "connected");
}

export async function tokens_are_refreshed_without_a_gap(world) {
  const device = await world.loggedIn();
  const states = [];
  device.on("connection", ({ state }) => states.push(state));
  const first = await device.token();
  await eventually(async () => (await device.token()) !== first, "another token");
  const second = await device.token();
  await eventually(async () => (await device.token()) !== second, "and another");
  equal(states, [], "the connection stays");
  equal((await device.sessions.list()).length, 1);
}

export async function a_channel_is_shared_by_its_listeners(world) {
  const [phone, laptop] = [await world.loggedIn(), await world.loggedIn()];
  const name = `full:${phone.user.id}`;
  const heard = [[], []];
  const stops = heard.map((data) =>
    phone.channel(name).subscribe({ publication: (publication) => data.push(publication.data) }),
  );
  await new Promise((resolve) => laptop.channel(name).subscribe({ subscribed: resolve }));
  await eventually(async () => (await laptop.channel(name).presenceStats()).numClients === 2, "both are there");
  await laptop.channel(name).publish({ hello: 1 });
  await eventually(() => heard.every((data) => data.length === 1), "both listeners have it");
  for (const stop of stops) stop();
  await eventually(async () => (await laptop.channel(name).presenceStats()).numClients === 1, "one has left");
  equal((await laptop.channel(name).history({ limit: 10 })).publications.length, 1);
  const refused = new Promise((resolve) => phone.channel("nonesuch:x").subscribe({ unsubscribed: resolve }));
  equal((await refused).code, 102);
}

export async function a_stolen_refresh_token_ends_its_session_only(world) {
  const store = new MemoryStore();
  const [phone, laptop] = [await world.loggedIn(store), await world.loggedIn()];
  const { refreshToken } = (await store.entries("")).find(([name]) => name.endsWith("|login"))[1];
  const reused = once(laptop, "refreshReused");
  const loggedOut = once(phone, "loggedOut");
  const { id: sid, device_id } = phone.session;
  const steal = () =>
    fetch(`${world.hubUrl}/v1/token/refresh`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ refresh_token: refreshToken, device_id }),
    });
  let event;
  void reused.then((first) => (event = first));
  await eventually(async () => (await steal()).status === 401 && event, "too late for the grace");
  equal(event.sid, sid);
  ok(["refresh_reused", "session_revoked", "refresh_token_invalid"].includes((await loggedOut).reason), "logged out");
  equal((await laptop.sessions.list()).length, 1);
}
