import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Overview, TraceSummary } from "../src/types.js";

type Listener = (event: never) => void;
type Publish = (context: { data: unknown }) => void;

/** A client of the hub as far as the console uses one, in the hands of the test. */
class FakeClient {
  readonly asked: string[][] = [];
  readonly channels = new Map<string, Publish>();
  refusal: Error | null = null;
  connection = "connecting";
  readonly #listeners = new Map<string, Listener>();

  on(name: string, listener: Listener): void {
    this.#listeners.set(name, listener);
  }

  emit(name: string, event: unknown): void {
    (this.#listeners.get(name) as ((event: unknown) => void) | undefined)?.(event);
  }

  ready(): Promise<null> {
    return Promise.resolve(null);
  }

  listen(channel: string, { publication }: { publication: Publish }): () => void {
    this.channels.set(channel, publication);
    return () => this.channels.delete(channel);
  }

  rpc(method: string, { topics }: { topics: string[] }): Promise<object> {
    expect(method).toBe("ops.watch");
    this.asked.push(topics);
    return this.refusal ? Promise.reject(this.refusal) : Promise.resolve({});
  }

  logIn(role: string): void {
    this.emit("loggedIn", { user: { id: "u", email: "op@example.com", role } });
    this.emit("connection", { state: "connected" });
  }
}

let fake: FakeClient;
let live: typeof import("../src/live.js");
let session: typeof import("../src/session.js");

beforeEach(async () => {
  vi.useFakeTimers();
  vi.resetModules();
  fake = new FakeClient();
  vi.doMock("syncline", async (original) => ({ ...(await original<object>()), createSyncline: () => fake }));
  live = await import("../src/live.js");
  session = await import("../src/session.js");
  await session.startSession("/connection/websocket");
  live.startLive();
  return () => vi.useRealTimers();
});

const rest = (): Promise<unknown> => vi.advanceTimersByTimeAsync(60);

describe("what is watched", () => {
  it("is asked for again after each reconnect", async () => {
    live.watch("overview");
    fake.logIn("OPS");
    await rest();
    fake.emit("connection", { state: "connecting" });
    await rest();
    fake.emit("connection", { state: "connected" });
    await rest();
    expect(fake.asked).toEqual([["overview"], ["overview"]]);
  });

  it("follows what pages want, and asks once when one goes and another comes", async () => {
    fake.logIn("ADMIN");
    live.watch("overview");
    const end = live.watch("logs");
    await rest();
    end();
    live.watch("traces");
    await rest();
    expect(fake.asked).toEqual([["overview", "logs"], ["overview", "traces"]]);
  });

  it("is not asked for by those who may not", async () => {
    live.watch("overview");
    fake.logIn("CUSTOMER");
    await rest();
    expect(session.phase.value).toBe("refused");
    expect(fake.asked).toEqual([]);
    expect(fake.channels.size).toBe(0);
  });

  it("is asked for again when the server refuses, which is told meanwhile", async () => {
    live.watch("overview");
    fake.refusal = new Error("not now");
    fake.logIn("OPS");
    await rest();
    expect(live.watchFailure.value).toBe(fake.refusal);
    fake.refusal = null;
    await vi.advanceTimersByTimeAsync(3_000);
    expect(fake.asked.length).toBe(2);
    expect(live.watchFailure.value).toBeNull();
  });
});

describe("what comes in", () => {
  const overview = (node: string): Overview => ({ node, node_name: node, at_ms: Date.now() }) as Overview;

  it("tells the page once of all nodes that speak together", async () => {
    fake.logIn("OPS");
    for (const node of ["a", "b", "c"]) fake.channels.get("ops:overview")!({ data: overview(node) });
    await vi.advanceTimersByTimeAsync(200);
    expect(live.overviewVersion.value).toBe(1);
    expect(live.overviews.nodes.length).toBe(3);
  });

  it("is bounded, and what the server left out is counted", () => {
    fake.logIn("OPS");
    const lines = Array.from({ length: 700 }, (_, at_ms) => ({ at_ms }));
    fake.channels.get("ops:logs")!({ data: { lines, dropped: 2 } });
    fake.channels.get("ops:logs")!({ data: { lines } });
    expect(live.liveLines.value.length).toBe(1_000);
    expect(live.droppedLines.value).toBe(2);
  });

  it("joins what several nodes have seen of a trace", () => {
    fake.logIn("OPS");
    const part = (node: string, startMs: number, durationMs: number): TraceSummary => ({
      trace_id: "t",
      name: `by ${node}`,
      start_ms: startMs,
      duration_ms: durationMs,
      num_spans: 1,
      nodes: [node],
      channel: "",
      num_acknowledged: 1,
      error: "",
    });
    const send = (...traces: TraceSummary[]): void => fake.channels.get("ops:traces")!({ data: { traces } });
    send(part("b", 105, 10));
    send(part("a", 100, 5), { ...part("b", 105, 20), num_spans: 2, error: "late" });
    expect(live.liveTraces.value).toEqual([
      { ...part("a", 100, 25), num_spans: 3, nodes: ["a", "b"], num_acknowledged: 2, error: "late" },
    ]);
  });

  it("is gone after the log-out", () => {
    fake.logIn("OPS");
    fake.channels.get("ops:logs")!({ data: { lines: [{ at_ms: 1 }] } });
    fake.emit("loggedOut", { reason: "logout" });
    expect(live.liveLines.value).toEqual([]);
    expect(fake.channels.size).toBe(0);
    expect(session.phase.value).toBe("logged_out");
    expect(session.endReason.value).toBe("");
  });
});

describe("who may see it", () => {
  it("is decided by the server: its refusal of reading ends it, until the role changes", async () => {
    const { SynclineError } = await import("syncline");
    fake.logIn("OPS");
    session.noteFailure(new SynclineError(403, "platform_channel"));
    session.noteFailure(new SynclineError(503, "unavailable"));
    expect(session.phase.value).toBe("open");
    session.noteFailure(new SynclineError(403, "forbidden"));
    expect(session.phase.value).toBe("refused");
    fake.emit("userChanged", { user: { id: "u", email: "op@example.com", role: "ADMIN" } });
    expect(session.phase.value).toBe("open");
  });

  it("a session that somebody else has ended says why", () => {
    fake.logIn("OPS");
    fake.emit("loggedOut", { reason: "administrator" });
    expect(session.endReason.value).toBe("administrator");
  });
});
