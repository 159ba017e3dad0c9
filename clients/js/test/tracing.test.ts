import { Centrifuge, type Subscription } from "centrifuge";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Json } from "../src/json.js";
import type { AcknowledgementData } from "../src/traces/acknowledgements.js";
import { namespaceOf, sampledContext } from "../src/traces/trace-context.js";
import { acknowledge, type AcknowledgeOptions, type Following } from "../src/tracing.js";
import { MiniHub } from "./mini-hub.js";
import { eventually } from "./patience.js";
import { OpenTelemetryWorld, spanId, traceId, traceparent } from "./traced.js";

let hub: MiniHub;
let client: Centrifuge;
let following: Following | undefined;
let telemetry: OpenTelemetryWorld | null;

beforeEach(() => {
  hub = new MiniHub();
  telemetry = null;
  client = new Centrifuge("ws://hub", { websocket: hub.socketClass("x"), minReconnectDelay: 5, maxReconnectDelay: 20 });
});

afterEach(() => {
  following?.stop();
  following = undefined;
  client.disconnect();
  telemetry?.end();
});

function withOpenTelemetry(options: { isOff?: boolean } = {}): OpenTelemetryWorld {
  return (telemetry = new OpenTelemetryWorld(options));
}

function follow(options: AcknowledgeOptions = {}): void {
  following = acknowledge(client, options);
}

async function subscribed(channel: string, handle: (data: Json) => void = () => undefined): Promise<Subscription> {
  const subscription = client.newSubscription(channel);
  subscription.on("publication", ({ data }) => handle(data as Json));
  subscription.subscribe();
  client.connect();
  await eventually(() => subscription.state === "subscribed", `subscribed to ${channel}`);
  return subscription;
}

function entries(): AcknowledgementData["syncline"]["ack"] {
  return (hub.sent as unknown as AcknowledgementData[]).flatMap(({ syncline }) => syncline.ack);
}

async function acknowledged(count = 1): Promise<AcknowledgementData["syncline"]["ack"]> {
  await eventually(() => entries().length >= count, `${count} acknowledged`);
  return entries();
}

const asked = { traceparent, "syncline-ack": "1" };

describe("the context of a publication", () => {
  test.each([
    "",
    "00",
    "garbage",
    `00-${traceId}-${spanId}`,
    `00-${traceId}-${spanId}-00`, // not sampled
    `00-${traceId}-${spanId}-02`,
    `00-${traceId}-${spanId}-01-more`,
    `ff-${traceId}-${spanId}-01`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${"0".repeat(32)}-${spanId}-01`,
    `00-${traceId}-${"0".repeat(16)}-01`,
  ])("%s is not followed", (text) => {
    expect(sampledContext({ traceparent: text })).toBeUndefined();
  });

  test("a sampled one is, with whatever flags", () => {
    expect(sampledContext({ traceparent })).toEqual({ traceId, spanId, flags: 1 });
    expect(sampledContext({ traceparent: `00-${traceId}-${spanId}-03` })).toEqual({ traceId, spanId, flags: 3 });
  });

  test("namespaces are those of the hub", () => {
    expect(["news", "chat:room:1", "$private:x", "#42", "state:cart#7", "a#b:c"].map(namespaceOf)).toEqual([
      "",
      "chat",
      "private",
      "",
      "state",
      "a#b",
    ]);
  });
});

describe("without OpenTelemetry", () => {
  test("it is acknowledged with the context that it came with, once, after the listeners have had it", async () => {
    follow();
    const order: string[] = [];
    await subscribed("news:a", () => order.push(`shown, ${entries().length} acknowledged`));
    hub.publish("news:a", 1, asked);
    const [entry] = await acknowledged();
    expect(entry).toMatchObject({ of: spanId, traceparent, channel: "news:a" });
    expect(entry?.held_ms).toBeGreaterThan(0);
    expect(order).toEqual(["shown, 0 acknowledged"]);
    expect(following?.outgoing()).toBeUndefined();
  });

  test("what nobody asks about, or what is broken, is shown and no more", async () => {
    follow();
    const heard: Json[] = [];
    await subscribed("news:a", (data) => heard.push(data));
    hub.publish("news:a", "no tags");
    hub.publish("news:a", "not asked", { traceparent });
    hub.publish("news:a", "improbable", { traceparent, "syncline-ack": "0" });
    hub.publish("news:a", "broken", { traceparent: "00-zz", "syncline-ack": "1" });
    hub.publish("news:a", "last", asked);
    await acknowledged();
    expect(heard).toEqual(["no tags", "not asked", "improbable", "broken", "last"]);
    expect(entries()).toHaveLength(1);
  });

  test("channels that the server subscribes to, and subscriptions that were there before, are followed too", async () => {
    hub.own.add("ops:overview");
    await subscribed("news:before");
    follow();
    await subscribed("news:after");
    for (const channel of ["ops:overview", "news:before", "news:after"]) hub.publish(channel, 1, asked);
    const channels = (await acknowledged(3)).map(({ channel }) => channel);
    expect(channels.sort()).toEqual(["news:after", "news:before", "ops:overview"]);
  });

  test("after a reconnect what is recovered is not acknowledged, and what is live is", async () => {
    follow();
    const heard: Json[] = [];
    await subscribed("news:a", (data) => heard.push(data));
    hub.publish("news:a", "lost with the connection", asked);
    await eventually(() => heard.length === 1, "it is shown");
    hub.closeAll(3001, "shutdown");
    hub.publish("news:a", "recovered", asked);
    await eventually(() => heard.length === 2, "the second is recovered");
    expect([entries(), following?.dropped]).toEqual([[], 1]);
    hub.publish("news:a", "live", asked);
    expect(await acknowledged()).toHaveLength(1);
  });

  test("after the end the client goes on, and acknowledges nothing, until it is followed again", async () => {
    follow();
    const heard: Json[] = [];
    await subscribed("news:a", (data) => heard.push(data));
    following?.stop();
    hub.publish("news:a", 1, asked);
    await eventually(() => heard.length === 1, "it is shown");
    follow();
    const other = "a".repeat(16);
    hub.publish("news:a", 2, { ...asked, traceparent: traceparent.replace(spanId, other) });
    expect((await acknowledged()).map(({ of }) => of)).toEqual([other]);
  });

  test("an API that cannot be loaded is as none", async () => {
    follow({ api: () => Promise.reject(new Error("not installed")) });
    await subscribed("news:a");
    hub.publish("news:a", 1, asked);
    expect((await acknowledged())[0]?.traceparent).toBe(traceparent);
  });
});

describe("with OpenTelemetry", () => {
  test("it is shown in a span below the publisher's, which the acknowledgement names", async () => {
    const { api, spans } = withOpenTelemetry();
    follow({ api });
    let active: string | undefined;
    await subscribed("news:a", () => (active = following?.outgoing()));
    hub.publish("news:a", 1, { ...asked, tracestate: "syncline=1z,other=2" });
    const [entry] = await acknowledged();
    const [span] = telemetry?.spans ?? spans;
    expect(span).toMatchObject({ name: "receive news", kind: api.SpanKind.CONSUMER, ended: true });
    expect(span?.parentSpanContext).toMatchObject({ traceId, spanId, isRemote: true });
    expect(span?.parentSpanContext?.traceState?.serialize()).toBe("syncline=1z,other=2");
    expect(span?.attributes).toMatchObject({ "messaging.destination.template": "news", "syncline.offset": 1 });
    const own = `00-${traceId}-${span?.spanContext().spanId}-01`;
    expect(active).toBe(own);
    expect(entry).toMatchObject({ of: spanId, traceparent: own });
    expect(own).not.toContain(spanId);
  });

  test("the module may be loaded later", async () => {
    const { api } = withOpenTelemetry();
    follow({ api: () => import("@opentelemetry/api") });
    await subscribed("news:a");
    hub.publish("news:a", 1, { traceparent });
    await eventually(() => telemetry?.spans.length === 1, "there is a span");
    expect(api.trace.getActiveSpan()).toBeUndefined();
  });

  test("without a namespace, and on a server-side subscription", async () => {
    const { api } = withOpenTelemetry();
    hub.own.add("#42");
    follow({ api });
    await subscribed("news");
    hub.publish("news", 1, asked);
    hub.publish("#42", 1, asked);
    await acknowledged(2);
    expect(telemetry?.spans.map(({ name }) => name)).toEqual(["receive", "receive"]);
  });

  test("no span for what is not sampled", async () => {
    follow({ api: withOpenTelemetry().api });
    const heard: Json[] = [];
    await subscribed("news:a", (data) => heard.push(data));
    hub.publish("news:a", 1, { traceparent: traceparent.replace(/1$/, "0") });
    hub.publish("news:a", 2);
    await eventually(() => heard.length === 2, "both are shown");
    expect(telemetry?.spans).toEqual([]);
  });

  test("where the page's own sampler leaves the span out, or nothing is set up, the publisher's is named", async () => {
    const { api } = withOpenTelemetry({ isOff: true });
    follow({ api });
    await subscribed("news:a");
    hub.publish("news:a", 1, asked);
    expect((await acknowledged())[0]?.traceparent).toBe(traceparent);
    telemetry?.end();
    hub.publish("news:a", 2, asked);
    expect((await acknowledged(2))[1]?.traceparent).toBe(traceparent);
  });

  test("a listener that throws stops the client, as the SDK has it: the span ends, nothing says that it was shown", async () => {
    const { api } = withOpenTelemetry();
    const reported: unknown[] = [];
    const report = (error: unknown): void => void reported.push(error);
    process.on("unhandledRejection", report);
    follow({ api });
    await subscribed("news:a", () => {
      throw new Error("provoked");
    });
    hub.publish("news:a", 1, asked);
    await eventually(() => client.state === "disconnected" && reported.length === 1, "the SDK has stopped");
    process.off("unhandledRejection", report);
    expect([telemetry?.spans.length, hub.sent, following?.dropped]).toEqual([1, [], 1]);
    expect(api.trace.getActiveSpan()).toBeUndefined();
  });
});
