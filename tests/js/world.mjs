// What a scenario is given: clients on a wire that can be cut, and the application's backend.
import { Centrifuge } from "centrifuge";
import { next } from "./expect.mjs";

let lastName = 0;

export class World {
  #clients = [];

  constructor({ wsUrl, backendUrl, options = {} }) {
    this.wsUrl = wsUrl;
    this.backendUrl = backendUrl;
    this.options = options;
    this.run = `${Date.now().toString(36)}${(lastName += 1)}`;
  }

  /** A channel that no other scenario uses. */
  channel(namespace, name = "room") {
    return `${namespace}:${name}-${this.run}`;
  }

  /** A user that no other scenario uses. */
  user(name) {
    return `${name}-${this.run}`;
  }

  token(user, ttlS = 3600, claims = {}) {
    return this.#ask("token", { user, ttl_s: ttlS, ...claims });
  }

  subscriptionToken(user, channel, ttlS = 3600, claims = {}) {
    return this.#ask("subscription_token", { user, channel, ttl_s: ttlS, ...claims });
  }

  /** The result of a method of the server API. */
  async api(method, request = {}) {
    const answer = await this.#ask(`api/${method}`, request);
    if (answer.error) throw new Error(`${method}: ${JSON.stringify(answer.error)}`);
    return answer.result;
  }

  async publish(channel, ...messages) {
    for (const data of messages) await this.api("publish", { channel, data });
  }

  cut() {
    return this.#ask("cut", {});
  }

  mend() {
    return this.#ask("mend", {});
  }

  /** A client that has not been told to connect. */
  client(options = {}) {
    const quick = { minReconnectDelay: 50, maxReconnectDelay: 300, ...this.options };
    const client = new Centrifuge(this.wsUrl, { ...quick, ...options });
    client.on("error", () => {}); // a cut wire is no failure of a scenario
    this.#clients.push(client);
    return client;
  }

  async connected(user, options = {}, claims = {}) {
    const client = this.client({ token: await this.token(this.user(user), 3600, claims), ...options });
    client.connect();
    await client.ready();
    return client;
  }

  async subscribed(client, channel, options = {}) {
    const subscription = client.newSubscription(channel, quickly(options));
    const subscribed = next(subscription, "subscribed");
    subscription.subscribe();
    return { subscription, context: await subscribed };
  }

  /** Cut the wire, do something meanwhile, mend it. Returns what the subscription says when it is back. */
  async cutDuring(subscription, meanwhile) {
    const gone = next(subscription, "subscribing");
    await this.cut();
    await gone;
    await meanwhile();
    const back = next(subscription, "subscribed");
    await this.mend();
    return back;
  }

  async end() {
    await this.mend();
    for (const client of this.#clients) client.disconnect();
  }

  async #ask(what, body) {
    const response = await fetch(`${this.backendUrl}/${what}`, { method: "POST", body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${what}: HTTP ${response.status}`);
    return response.json();
  }
}

function quickly(options) {
  return { minResubscribeDelay: 50, maxResubscribeDelay: 300, ...options };
}

/** Runs one scenario in a world of its own. Returns what is told to the test. */
export async function runScenario(scenarios, name, settings) {
  const world = new World(settings);
  try {
    await scenarios[name](world);
    return { scenario: name, failure: null };
  } catch (error) {
    return { scenario: name, failure: String(error?.stack ?? JSON.stringify(error)) };
  } finally {
    await world.end();
  }
}
