import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Json } from "../src/json.js";
import { DocumentDoor } from "../src/document-door.js";
import type { AuthorizedHttp } from "../src/authorized-http.js";
import type { Request } from "../src/http.js";
import { ElectedWire } from "../src/link/elected-wire.js";
import { Link } from "../src/link/link.js";
import { LocalWire } from "../src/link/local-wire.js";
import { holdTabLock } from "../src/link/open-wire.js";
import { Replica } from "../src/replica.js";
import type { AcknowledgementData } from "../src/traces/acknowledgements.js";
import { Tracing, type TracingOptions } from "../src/traces/tracing.js";
import { FakeBrowser } from "./browser.js";
import { MiniHub } from "./mini-hub.js";
import { eventually } from "./patience.js";
import { OpenTelemetryWorld, spanId, traceId, traceparent } from "./traced.js";

const asked = { traceparent, "syncline-ack": "1" };
const options = { isLocked: true, websocketUrl: "ws://hub", token: async () => ({ token: "t" }) };

let browser: FakeBrowser;
let hub: MiniHub;
let links: Link[];
let telemetry: OpenTelemetryWorld;

beforeEach(() => {
  browser = new FakeBrowser();
  hub = new MiniHub();
  links = [];
  telemetry = new OpenTelemetryWorld();
});

afterEach(() => {
  for (const link of links) link.close();
  telemetry.end();
});

async function openTab(tab: string, tracing: TracingOptions = {}): Promise<Link> {
  const { locks, openBroadcast } = browser.tab(tab, fetch);
  if (!locks || !openBroadcast) throw new Error("no browser");
  await holdTabLock(locks, tab);
  const client = { websocket: hub.socketClass(tab), minReconnectDelay: 5, maxReconnectDelay: 20 };
  return opened(new Link(new ElectedWire("name", tab, locks, openBroadcast, client), { ...options, tracing: new Tracing(tracing) }));
}

async function openAlone(tracing: TracingOptions = {}): Promise<Link> {
  const wire = new LocalWire({ websocket: hub.socketClass("alone") });
  return opened(new Link(wire, { ...options, isLocked: false, tracing: new Tracing(tracing) }));
}

async function opened(link: Link): Promise<Link> {
  links.push(link);
  link.start();
  await eventually(() => link.state === "connected", "it is connected");
  return link;
}

async function followed(link: Link, channel: string): Promise<Json[]> {
  const heard: Json[] = [];
  let isSubscribed = false;
  link.follow(channel, {
    publication: ({ data }) => heard.push(data),
    subscribed: () => (isSubscribed = true),
  });
  await eventually(() => isSubscribed, `subscribed to ${channel}`);
  return heard;
}

function entries(): AcknowledgementData["syncline"]["ack"] {
  return (hub.sent as unknown as AcknowledgementData[]).flatMap(({ syncline }) => syncline.ack);
}

describe("tabs that share a connection", () => {
  test("acknowledge a publication once, whoever of them has shown it", async () => {
    const tabs = [await openTab("a"), await openTab("b"), await openTab("c")];
    const heard = await Promise.all(tabs.map((tab) => followed(tab, "news:a")));
    hub.publish("news:a", 1, asked);
    await eventually(() => heard.every((data) => data.length === 1) && entries().length === 1, "all have it, one said so");
    hub.publish("news:a", 2, { ...asked, traceparent: traceparent.replace(spanId, "a".repeat(16)) });
    await eventually(() => entries().length === 2, "the second too");
    expect(entries().map(({ of }) => of)).toEqual([spanId, "a".repeat(16)]);
  });

  test("each tab that shows it opens a span; the acknowledgement of a tab that does not lead names its own", async () => {
    const leader = await openTab("leader");
    const other = await openTab("other", { api: telemetry.api });
    await followed(other, "news:a");
    hub.publish("news:a", 1, asked);
    await eventually(() => entries().length === 1, "it is acknowledged");
    const own = telemetry.spans.map((span) => span.spanContext().spanId);
    expect(entries()[0]?.traceparent).toBe(`00-${traceId}-${own[0]}-01`);
    expect(own).toHaveLength(1);
    expect(leader.state).toBe("connected");
  });

  test("what the connection has not drawn comes to the tabs as any other publication", async () => {
    const tab = await openTab("a");
    const tags: (Record<string, string> | undefined)[] = [];
    tab.follow("news:a", { publication: (publication) => tags.push(publication.tags) });
    await eventually(() => hub.subscribers("news:a") === 1, "subscribed");
    hub.publish("news:a", 1, { traceparent, "syncline-ack": "0" });
    hub.publish("news:a", 2, asked);
    await eventually(() => entries().length === 1, "the second is acknowledged");
    expect(tags[0]).toEqual({ traceparent });
  });

  test("a channel that the server subscribes to is acknowledged while someone listens", async () => {
    hub.own.add("ops:overview");
    const tab = await openTab("a");
    hub.publish("ops:overview", "nobody listens", asked);
    await tab.rpc("when that has come", null);
    const heard: Json[] = [];
    const stop = tab.followOwn("ops:overview", { publication: ({ data }) => heard.push(data) });
    hub.publish("ops:overview", 1, asked);
    await eventually(() => entries().length === 1, "it is acknowledged");
    stop();
    await followed(tab, "news:a");
    hub.publish("ops:overview", 2, asked);
    hub.publish("news:a", 3, asked);
    await eventually(() => entries().length > 1, "a later one of another channel is");
    expect(entries().map(({ channel }) => channel)).toEqual(["ops:overview", "news:a"]);
    expect(heard).toEqual([1]);
  });

  test("a listener that throws does not keep others from it, nor the span from its end", async () => {
    const reported: unknown[] = [];
    const report = (error: unknown): void => void reported.push(error);
    process.on("uncaughtException", report);
    const tab = await openAlone({ api: telemetry.api });
    tab.follow("news:a", {
      publication: () => {
        throw new Error("provoked");
      },
    });
    const heard = await followed(tab, "news:a");
    hub.publish("news:a", 1, asked);
    await eventually(() => entries().length === 1 && reported.length === 1, "acknowledged and reported");
    process.off("uncaughtException", report);
    expect([heard, telemetry.spans.length]).toEqual([[1], 1]);
  });
});

describe("what goes out", () => {
  let asked: [method: string, data: Json][];

  beforeEach(() => {
    asked = [];
    hub.rpc = (method, data) => {
      asked.push([method, data]);
      return { version: 2, epoch: "e" };
    };
  });

  test("an rpc bears the active span, where it can", async () => {
    const link = await openAlone({ api: telemetry.api });
    const parent = telemetry.within(() => {
      void link.rpc("object", { a: 1 });
      void link.rpc("list", [1]);
      void link.rpc("own", { traceparent });
    });
    await link.rpc("outside", {});
    expect(asked).toEqual([
      ["object", { a: 1, traceparent: parent }],
      ["list", [1]],
      ["own", { traceparent }],
      ["outside", {}],
    ]);
  });

  test("inside a publication's span it is that one", async () => {
    const link = await openAlone({ api: telemetry.api });
    link.follow("news:a", { publication: () => void link.rpc("answer", {}) });
    await eventually(() => hub.subscribers("news:a") === 1, "subscribed");
    hub.publish("news:a", 1, { traceparent });
    await eventually(() => asked.length === 1, "it answers");
    const own = telemetry.spans[0]?.spanContext().spanId;
    expect(asked[0]).toEqual(["answer", { traceparent: `00-${traceId}-${own}-01` }]);
  });

  test("an edit keeps the span in which it was made, however late it is sent; of joined ones the last", async () => {
    const replica = new Replica(() => "m", { confirmed: { epoch: "e", version: 1, value: {} }, queue: [] });
    void replica.edit("merge", { a: 1 }, "first");
    void replica.edit("merge", { b: 2 }, "second");
    void replica.edit("merge", { c: 3 });
    expect(replica.record.queue[0]).not.toHaveProperty("traceparent");
    replica.takeChanges({ version: 1, epoch: "e", changes: [], complete: true });
    expect(replica.prepare(0)).toMatchObject({ patch: { a: 1, b: 2, c: 3 }, traceparent: "second" });
  });

  test("it goes out with the edit, live and, when that is long, over REST", async () => {
    const link = await openAlone();
    const requests: Omit<Request, "bearer">[] = [];
    const send = async (request: Request): Promise<unknown> => requests.push(request) && { version: 2, epoch: "e" };
    const door = new DocumentDoor(link, { send } as unknown as AuthorizedHttp, "doc");
    await door.mutate({ id: "m", kind: "merge", patch: { a: 1 }, traceparent });
    await door.mutate({ id: "m", kind: "merge", patch: { a: "x".repeat(20_000) }, traceparent });
    await door.mutate({ id: "m", kind: "remove" });
    expect(asked).toEqual([
      ["state.merge", { key: "doc", mutation: "m", patch: { a: 1 }, traceparent }],
      ["state.remove", { key: "doc", mutation: "m" }],
    ]);
    expect(requests.map(({ headers }) => headers)).toEqual([{ "Idempotency-Key": "m", traceparent }]);
  });
});
