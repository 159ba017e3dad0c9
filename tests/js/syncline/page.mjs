// The page of an application with the package `syncline`: what the tests do in it, they do through `app`.
import { createSyncline } from "../../../clients/js/dist/index.js";

globalThis.app = {
  /** Begin: `way` is how the tabs share their connection. */
  async start(url, way) {
    const worker = way === "worker" ? "/worker.js" : undefined;
    const centrifuge = { minReconnectDelay: 20, maxReconnectDelay: 200 };
    const client = createSyncline({ url, device: { name: document.title }, centrifuge, ...(worker ? { worker } : {}) });
    app.client = client;
    app.loggedOut = [];
    app.heard = [];
    app.states = [];
    client.on("loggedOut", ({ reason }) => app.loggedOut.push(reason));
    client.on("connection", ({ state }) => app.states.push(state));
    return (await client.ready())?.email ?? null;
  },

  listen(channel) {
    app.channel = app.client.channel(channel);
    app.channel.subscribe({
      publication: ({ data }) => app.heard.push(data),
      subscribed: () => (app.isListening = true),
    });
  },
};
