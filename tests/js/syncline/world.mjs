// What a scenario of the package `syncline` is given: devices of a user, and the wire between them and the server.
import WebSocket from "ws";
import { createSyncline, MemoryStore } from "../../../clients/js/dist/index.js";
import { eventually } from "../expect.mjs";

export const password = "correct horse battery staple";

let lastName = 0;

export class World {
  #devices = [];

  constructor({ hubUrl, backendUrl }) {
    this.hubUrl = hubUrl;
    this.backendUrl = backendUrl;
    this.email = `user-${Date.now().toString(36)}-${(lastName += 1)}@example.com`;
  }

  cut() {
    return this.#ask("cut");
  }

  mend() {
    return this.#ask("mend");
  }

  get credentials() {
    return { email: this.email, password };
  }

  /** A client in Node.js that nobody is logged in with, unless the store knows of somebody. */
  device(store = new MemoryStore(), name = "") {
    const centrifuge = { minReconnectDelay: 20, maxReconnectDelay: 200 };
    const device = createSyncline({ url: this.hubUrl, store, websocket: WebSocket, centrifuge, device: { name } });
    this.#devices.push(device);
    return device;
  }

  async loggedIn(store, name) {
    const device = this.device(store, name);
    await device.register({ ...this.credentials, name: "Ann" });
    await device.login(this.credentials);
    await this.connected(device);
    return device;
  }

  connected(device) {
    return eventually(() => device.connection === "connected", "connected");
  }

  async end() {
    await this.mend();
    for (const device of this.#devices) await device.close();
  }

  async #ask(what) {
    const response = await fetch(`${this.backendUrl}/${what}`, { method: "POST", body: "{}" });
    if (!response.ok) throw new Error(`${what}: HTTP ${response.status}`);
  }
}

/** Runs one scenario in a world of its own. Returns what is told to the test. */
export async function runScenario(scenarios, name, world) {
  try {
    await scenarios[name](world);
    return { scenario: name, failure: null };
  } catch (error) {
    return { scenario: name, failure: String(error?.stack ?? JSON.stringify(error)) };
  } finally {
    await world.end();
  }
}
