import { beforeEach, describe, expect, test } from "vitest";
import type { DocumentDoor } from "../src/document-door.js";
import { SynclineError } from "../src/errors.js";
import { isObject, type Json } from "../src/json.js";
import type { ChannelListener } from "../src/link/followed.js";
import type { Link } from "../src/link/link.js";
import type { Confirmed, Sending } from "../src/replica.js";
import { ReplicaStore } from "../src/replica-store.js";
import { SharedState } from "../src/shared-state.js";
import { MemoryStore, type Store } from "../src/store.js";
import { eventually } from "./patience.js";
import { SimulatedServer } from "./simulated-server.js";

/** A tab's connection, and its doors to the server, which fail as they are told to. */
class FakeWire {
  isConnected = false;
  /** Thrown by the next mutations, one each. "lost": done, and not answered. */
  failures: (SynclineError | "lost")[] = [];
  readonly sent: Sending[] = [];
  #listener: ChannelListener | null = null;

  constructor(private readonly server: SimulatedServer) {
    server.subscribe((change) => {
      const data = structuredClone(change) as unknown as Json;
      queueMicrotask(() => this.isConnected && this.#listener?.publication?.({ data }));
    });
  }

  get link(): Link {
    const follow = (_channel: string, listener: ChannelListener): (() => void) => {
      this.#listener = listener;
      return () => (this.#listener = null);
    };
    return { follow } as unknown as Link;
  }

  get door(): DocumentDoor {
    return {
      get: async () => this.#answered(structuredClone(this.server.document)),
      changes: async (since: number) => this.#answered(structuredClone(this.server.changes(since))),
      mutate: async (sending: Sending) => this.#mutate(sending),
    } as unknown as DocumentDoor;
  }

  connect(recovered = false): void {
    this.isConnected = true;
    this.#listener?.subscribed?.({ recovered, position: null });
  }

  cut(): void {
    this.isConnected = false;
    this.#listener?.subscribing?.({});
  }

  #mutate(sending: Sending): { version: number; epoch: string } | { conflict: Confirmed } {
    this.sent.push(structuredClone(sending));
    const failure = this.failures.shift();
    if (failure instanceof SynclineError) throw failure;
    const reply = this.server.mutate(structuredClone(sending));
    if (failure === "lost") throw new SynclineError(0, "no_answer");
    if ("refused" in reply) throw new SynclineError(400, "patch_failed");
    return this.#answered(structuredClone(reply));
  }

  #answered<T>(answer: T): T {
    if (!this.isConnected) throw new SynclineError(0, "no_answer");
    return answer;
  }
}

interface Counter {
  n: number;
}

let server: SimulatedServer;
let store: Store;
let living: Set<string>;

beforeEach(() => {
  server = new SimulatedServer();
  store = new MemoryStore();
  living = new Set();
});

function open<T = Json>(tab: string, key = "doc"): { state: SharedState<T>; wire: FakeWire } {
  living.add(tab);
  const wire = new FakeWire(server);
  const records = new ReplicaStore(store, "doc|", tab, async () => living, null);
  return { wire, state: new SharedState<T>(key, wire.link, `state:${key}#u`, wire.door, records, Date.now) };
}

async function connected<T = Json>(tab: string): Promise<{ state: SharedState<T>; wire: FakeWire }> {
  const opened = open<T>(tab);
  opened.wire.connect();
  await eventually(() => opened.state.status.phase === "synced", `${tab} is synced`);
  return opened;
}

const increment = (value: Counter | undefined): Counter => ({ n: (value?.n ?? 0) + 1 });

describe("a document", () => {
  test("is loading, synced, pending, offline", async () => {
    const { state, wire } = open("a");
    expect(state.status.phase).toBe("loading");
    wire.connect();
    await state.ready();
    expect([state.status.phase, state.value, state.version]).toEqual(["synced", { b: [] }, 1]);
    void state.merge({ x: 1 });
    expect(state.status).toMatchObject({ phase: "pending", pending: 1 });
    await state.flush();
    expect(state.status).toMatchObject({ phase: "synced", pending: 0 });
    wire.cut();
    expect(state.status.phase).toBe("offline");
  });

  test.each(["", ".", "..", "a key", "a/b", "ä", "x".repeat(65)])("cannot be called %j", (key) => {
    expect(() => open("a", key)).toThrow(expect.objectContaining({ code: "invalid_field", field: "key" }));
  });

  test.each(["...", "a.b_c-1", "x".repeat(64)])("can be called %j", (key) => {
    expect(open("a", key).state.key).toBe(key);
  });

  test("tells its listeners at once and at each change, until they leave", async () => {
    const { state } = await connected("a");
    const seen: (Json | undefined)[] = [];
    const stop = state.subscribe((value) => seen.push(value));
    await state.set(1);
    stop();
    await state.set(2);
    expect(seen[0]).toEqual({ b: [] });
    expect(seen).toContain(1);
    expect(seen).not.toContain(2);
  });

  test("of two tabs is the same, and counts what both add", async () => {
    const [a, b] = [await connected<Counter>("a"), await connected<Counter>("b")];
    await a.state.set({ n: 0 });
    const outcomes = await Promise.all([a, b, a, b].map(({ state }) => state.update(increment)));
    expect(outcomes.every(({ accepted }) => accepted)).toBe(true);
    await eventually(() => a.state.value?.n === 4 && b.state.value?.n === 4, "four");
    expect(a.state.status.conflicts + b.state.status.conflicts).toBeGreaterThan(0);
  });

  test("follows another epoch", async () => {
    const { state, wire } = await connected("a");
    server.backUp();
    await state.set("lost with the restore");
    server.restore();
    wire.cut();
    wire.connect();
    await eventually(() => state.status.phase === "synced", "synced");
    expect([state.value, state.version]).toEqual([{ b: [] }, 1]);
  });
});

describe("an edit", () => {
  test("whose answer is lost is repeated the same, and applied once", async () => {
    const { state, wire } = await connected("a");
    wire.failures = ["lost", "lost"];
    const outcome = await state.patch([{ op: "add", path: "/b/-", value: 1 }]);
    expect(outcome.accepted).toBe(true);
    expect(server.document.value).toEqual({ b: [1] });
    expect(wire.sent.every((sending) => JSON.stringify(sending) === JSON.stringify(wire.sent[0]))).toBe(true);
  });

  test("that the database cannot take now is repeated", async () => {
    const { state, wire } = await connected("a");
    wire.failures = [new SynclineError(503, "unavailable")];
    expect((await state.set(1)).accepted).toBe(true);
    expect(wire.sent.length).toBe(2);
  });

  test("that is refused is taken back and told, and the next one goes on", async () => {
    const { state, wire } = await connected("a");
    wire.failures = [new SynclineError(413, "quota_exceeded")];
    const refused = state.set(1);
    expect(state.value).toBe(1);
    expect(await refused).toMatchObject({ accepted: false, error: { code: "quota_exceeded" } });
    expect([state.value, state.status.refused]).toEqual([{ b: [] }, 1]);
    expect((await state.set(2)).accepted).toBe(true);
  });

  test.each([401, 403])("that the user may not make now (%d) waits for the next connection", async (status) => {
    const { state, wire } = await connected("a");
    wire.failures = [new SynclineError(status, "forbidden")];
    const outcome = state.set(1);
    await eventually(() => wire.sent.length === 1, "it is sent");
    expect(state.status.pending).toBe(1);
    wire.cut();
    wire.connect();
    expect((await outcome).accepted).toBe(true);
  });

  test("that changes nothing is not sent", async () => {
    const { state, wire } = await connected<{ b: Json[] }>("a");
    expect(await state.update((value) => value)).toEqual({ accepted: true, version: 1 });
    expect(wire.sent).toEqual([]);
  });

  test("has a bound on how many wait", async () => {
    const { state } = open<Json>("a");
    const outcomes = Array.from({ length: 1_001 }, (_, i) => state.patch([{ op: "test", path: "", value: i }]));
    expect(await outcomes[1_000]).toMatchObject({ accepted: false });
    expect(state.status.pending).toBe(1_000);
  });
});

describe("what is stored", () => {
  test("is shown at the next visit, offline, and sent when the connection is back", async () => {
    const first = await connected<Json>("a");
    await first.state.set({ list: [] });
    first.wire.cut();
    void first.state.merge({ text: "offline" });
    void first.state.patch([{ op: "add", path: "/list/-", value: 1 }]);
    await first.state.saved();
    living.delete("a");
    const second = open("b");
    await second.state.ready();
    expect(second.state.value).toEqual({ list: [1], text: "offline" });
    expect(second.state.status).toMatchObject({ phase: "offline", pending: 2 });
    second.wire.connect();
    await second.state.flush();
    expect(server.document.value).toEqual({ list: [1], text: "offline" });
    expect((await store.entries("doc|")).map(([name]) => name)).toEqual(["doc|b"]);
  });

  test("by a tab that lives is left to it; that of a dead one is taken over by one tab", async () => {
    const dying = open("a");
    await dying.state.saved();
    void dying.state.merge({ from: "a" });
    await dying.state.saved();
    const [b, c] = [await connected("b"), await connected("c")];
    expect([b.state.status.pending, c.state.status.pending]).toEqual([0, 0]);
    living.delete("a");
    for (const { wire } of [b, c]) {
      wire.cut();
      wire.connect();
    }
    await eventually(() => isObject(server.document.value) && server.document.value.from === "a", "it arrives");
    expect(server.log.filter(({ kind }) => kind === "merge").length).toBe(1);
  });

  test("keeps an edit made before it had been read", async () => {
    const first = open("only");
    void first.state.merge({ first: 1 });
    await first.state.saved();
    living.clear();
    const second = open("only");
    living.clear();
    void second.state.merge({ second: 2 });
    second.wire.connect();
    await second.state.flush();
    await eventually(() => second.state.status.phase === "synced", "synced");
    expect(server.document.value).toEqual({ b: [], first: 1, second: 2 });
  });

  test("has an edit that was made just before the tab was closed", async () => {
    const { state, wire } = await connected("a");
    wire.cut();
    void state.merge({ last: true });
    await state.close("closed", false);
    living.delete("a");
    const next = await connected("b");
    await eventually(() => isObject(next.state.value) && next.state.value.last === true, "it is there");
  });

  test("is nothing after the end of the log-in", async () => {
    const { state } = await connected("a");
    const outcome = state.set(1);
    await state.close("logout", true);
    await store.deleteAll("doc|");
    expect((await outcome).accepted).toBe(false);
    expect(await state.set(2)).toMatchObject({ accepted: false, error: { name: "LoggedOutError" } });
    expect(await store.entries("")).toEqual([]);
  });

  test("by a dead tab stays where it is as long as it cannot be stored elsewhere", async () => {
    const dying = open("a");
    void dying.state.merge({ from: "a" });
    await dying.state.saved();
    living.delete("a");
    const put = store.put.bind(store);
    store.put = (name, value) => (name === "doc|b" ? Promise.reject(new Error("no space")) : put(name, value));
    await connected("b");
    expect((await store.entries("doc|")).map(([name]) => name)).toEqual(["doc|a"]);
  });

  test("is done without where nothing can be stored", async () => {
    const broken = async (): Promise<never> => {
      throw new Error("no space");
    };
    store = { get: broken, put: broken, delete: broken, entries: broken, deleteAll: broken };
    const { state } = await connected("a");
    expect((await state.set(1)).accepted).toBe(true);
    expect(await state.saved()).toBe(false);
  });
});
