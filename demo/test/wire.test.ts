import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Wire, type WireEvent } from "../src/wire.js";

class FakeWebSocket {
  static readonly OPEN = 1;
  static made: FakeWebSocket[] = [];
  readyState = FakeWebSocket.OPEN;
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number; reason: string; wasClean: boolean }) => void) | null = null;
  readonly sent: string[] = [];
  isClosed = false;

  constructor(readonly url: string) {
    FakeWebSocket.made.push(this);
  }

  send(data: string): void {
    this.sent.push(data);
  }

  close(): void {
    this.isClosed = true;
  }
}

let events: WireEvent[] = [];
let wire: Wire;

beforeEach(() => {
  FakeWebSocket.made = [];
  Object.assign(globalThis, { WebSocket: FakeWebSocket });
  events = [];
  wire = new Wire((event) => events.push(event));
});

function open() {
  const received: unknown[] = [];
  const closes: number[] = [];
  const socket = new wire.socketClass("ws://hub");
  socket.onmessage = ({ data }) => received.push(data);
  socket.onclose = ({ code }) => closes.push(code);
  return { socket, received, closes, real: FakeWebSocket.made.at(-1) };
}

test("a whole wire passes frames both ways and reports them", () => {
  const { socket, received, real } = open();
  real?.onopen?.();
  socket.send("out");
  real?.onmessage?.({ data: "in" });
  assert.deepEqual(real?.sent, ["out"]);
  assert.deepEqual(received, ["in"]);
  assert.deepEqual(events.map(({ kind }) => kind), ["opened", "sent", "received"]);
});

test("cutting closes the real socket and tells the client at once, as of a lost connection", () => {
  const { closes, real } = open();
  wire.cut();
  assert.equal(real?.isClosed, true);
  assert.deepEqual(closes, [1006]);
});

test("what was under way when the wire was cut does not arrive", () => {
  const { socket, received, closes, real } = open();
  const deliver = real?.onmessage;
  wire.cut();
  assert.equal(real?.onmessage, null);
  assert.ok(deliver);
  socket.send("lost");
  socket.close();
  assert.deepEqual(real?.sent, []);
  assert.ok(!events.some(({ kind }) => kind === "sent"));
  assert.deepEqual(received, []);
  assert.deepEqual(closes, [1006]);
});

test("a cut wire opens no socket; the attempt fails after its constructor", async () => {
  wire.cut();
  const { closes, real } = open();
  assert.equal(real, undefined);
  assert.deepEqual(closes, []);
  await Promise.resolve();
  assert.deepEqual(closes, [1006]);
  assert.equal(events.at(-1)?.kind, "refused");
});

test("mending fires online, and sockets open again", () => {
  let onlineCount = 0;
  wire.addEventListener("online", () => (onlineCount += 1));
  wire.cut();
  assert.equal(onlineCount, 0);
  wire.mend();
  assert.equal(onlineCount, 1);
  assert.ok(open().real);
});

test("what is sent while the server closes is discarded", () => {
  const { socket, real } = open();
  if (real) real.readyState = 2;
  socket.send("late");
  assert.deepEqual(real?.sent, []);
  assert.ok(!events.some(({ kind }) => kind === "sent"));
});

test("a close by the server passes through with its code and reason", () => {
  const { closes, real } = open();
  real?.onclose?.({ code: 3500, reason: "invalid token", wasClean: true });
  assert.deepEqual(closes, [3500]);
  assert.equal(events.at(-1)?.text, "3500 invalid token");
  assert.deepEqual(events.at(-1)?.close, { code: 3500, reason: "invalid token" });
});

/** A fetch that answers when told, and fails when it is aborted. */
function fakeFetch() {
  const answers: ((response: Response) => void)[] = [];
  const asked: unknown[] = [];
  const fetch = (input: unknown, { signal }: RequestInit): Promise<Response> => {
    asked.push(input);
    return new Promise((resolve, reject) => {
      answers.push(resolve);
      signal?.addEventListener("abort", () => reject(signal.reason));
    });
  };
  Object.assign(globalThis, { fetch });
  return { answers, asked };
}

test("a request passes a whole wire and is reported without its body", async () => {
  const { answers } = fakeFetch();
  const asking = wire.fetch("http://hub/v1/login?secret=1", { method: "POST", body: "secret" });
  answers[0]?.(new Response("{}", { status: 201 }));
  assert.equal((await asking).status, 201);
  assert.deepEqual(events, [
    { kind: "sent", text: "POST /v1/login" },
    { kind: "received", text: "201 POST /v1/login" },
  ]);
});

test("a cut wire carries no request", async () => {
  const { asked } = fakeFetch();
  wire.cut();
  await assert.rejects(wire.fetch("http://hub/v1/me"), TypeError);
  assert.deepEqual(asked, []);
  assert.deepEqual(events.map(({ kind }) => kind), ["refused"]);
});

test("a request under way fails when the wire is cut, and when its caller gives up", async () => {
  fakeFetch();
  const cut = wire.fetch("http://hub/v1/me");
  wire.cut();
  await assert.rejects(cut, /the wire was cut/);
  wire.mend();
  const giver = new AbortController();
  const given = wire.fetch("http://hub/v1/me", { signal: giver.signal });
  giver.abort(new Error("enough"));
  await assert.rejects(given, /enough/);
});
