// A page that shows what is published, in three ways: with the package `syncline`, with npm `centrifuge` and its
// `acknowledge`, and with npm `centrifuge` alone. What the tests do in it, they do through `app`.
import * as api from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { BatchSpanProcessor, StackContextManager, WebTracerProvider } from "@opentelemetry/sdk-trace-web";
import { Centrifuge } from "centrifuge";
import { createSyncline } from "../../../clients/js/dist/index.js";
import { acknowledge } from "../../../clients/js/dist/tracing.js";

const heard = [];
let provider = null;

function show(publication) {
  heard.push({ data: publication.data, tags: publication.tags ?? {}, active: api.trace.getActiveSpan()?.spanContext() });
  document.body.append(JSON.stringify(publication.data));
}

const reached = (check) =>
  new Promise((resolve) => {
    const timer = setInterval(() => check() && (clearInterval(timer), resolve(null)), 10);
  });

globalThis.app = {
  /** OpenTelemetry as an application sets it up. */
  observe(collector) {
    const exporter = new OTLPTraceExporter({ url: `${collector}/v1/traces` });
    const spanProcessors = [new BatchSpanProcessor(exporter, { scheduledDelayMillis: 100 })];
    provider = new WebTracerProvider({ spanProcessors });
    provider.register({ contextManager: new StackContextManager() });
    return null;
  },

  /** Log in with the package; `broken` is a document that cannot be had, which is asked for, twice, at each publication. */
  async start(url, credentials, channel, broken) {
    const tracing = provider ? { api } : {};
    const client = createSyncline({ url, isAlone: true, tracing });
    await client.ready();
    await client.login(credentials);
    let isSubscribed = false;
    client.channel(channel).subscribe({
      subscribed: () => (isSubscribed = true),
      publication(publication) {
        show(publication);
        if (!broken) return;
        const headers = {};
        api.propagation.inject(api.context.active(), headers); // as OpenTelemetry's own instrumentation does
        const path = `/v1/state/${broken}`;
        for (const ask of [client.rpc("state.get", { key: broken }), client.request({ method: "GET", path, headers })])
          ask.catch((error) => heard.push({ failure: error.status }));
      },
    });
    return reached(() => isSubscribed);
  },

  /** With npm `centrifuge`; `isFollowed`: and its `acknowledge`. */
  plain(url, token, channel, isFollowed) {
    const client = new Centrifuge(`${url.replace(/^http/, "ws")}/connection/websocket`, { token });
    if (isFollowed) acknowledge(client, provider ? { api } : {});
    app.client = client;
    const subscription = client.newSubscription(channel);
    subscription.on("publication", show);
    subscription.subscribe();
    client.connect();
    return reached(() => subscription.state === "subscribed");
  },

  heard: () => heard,
  state: () => app.client.state,
};
