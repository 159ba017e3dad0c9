import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import * as fc from "fast-check";
import { Acknowledgements, type AcknowledgementData } from "../src/traces/acknowledgements.js";
import { spanId, traceparent } from "./traced.js";

let sent: AcknowledgementData[];
let isConnected: boolean;
let nowMs: number;
let drawn: number;
let acks: Acknowledgements;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  sent = [];
  isConnected = true;
  nowMs = 5_000;
  drawn = 0.5;
  acks = made();
});

afterEach(() => {
  acks.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function made(): Acknowledgements {
  const door = {
    isConnected: () => isConnected,
    send: async (data: AcknowledgementData) => void sent.push(data),
  };
  return new Acknowledgements(
    door,
    () => drawn,
    () => nowMs,
  );
}

function add(count = 1): void {
  for (let i = 0; i < count; i++) acks.add({ of: spanId, traceparent, channel: "news:a", receivedMs: nowMs });
}

function tags(probability: string): Record<string, string> {
  return { traceparent, "syncline-ack": probability };
}

describe("drawing", () => {
  test("who draws less than the hub's probability acknowledges", () => {
    drawn = 0.031;
    expect(acks.draw(tags("0.032"))).toMatchObject({ spanId });
    drawn = 0.032;
    expect(acks.draw(tags("0.032"))).toBeUndefined();
    drawn = 0.999;
    expect(acks.draw(tags("1"))).toMatchObject({ spanId });
  });

  test("nobody who was not asked does", () => {
    drawn = 0;
    expect(acks.draw(undefined)).toBeUndefined();
    expect(acks.draw({ traceparent })).toBeUndefined();
    expect(acks.draw({ "syncline-ack": "1" })).toBeUndefined();
    expect(acks.draw(tags(""))).toBeUndefined();
    expect(acks.draw(tags("often"))).toBeUndefined();
  });

  test("whatever the tags are, it neither throws nor answers for what is no context", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (context, probability) => {
        drawn = 0;
        expect(acks.draw({ traceparent: context, "syncline-ack": probability })).toBeUndefined();
      }),
    );
  });
});

describe("sending", () => {
  test("what comes within 100 ms leaves together, each with the time for which it was held", async () => {
    add();
    nowMs += 40.123;
    add();
    expect(sent).toEqual([]);
    nowMs += 60;
    await vi.advanceTimersByTimeAsync(100);
    const entry = { of: spanId, traceparent, channel: "news:a" };
    expect(sent).toEqual([
      {
        syncline: {
          ack: [
            { ...entry, held_ms: 100.12 },
            { ...entry, held_ms: 60 },
          ],
        },
      },
    ]);
  });

  test("twenty leave at once", () => {
    add(21);
    expect(sent.map(({ syncline }) => syncline.ack.length)).toEqual([20]);
  });

  test("never more than 50 in a second; the rest is counted", async () => {
    add(120);
    await vi.advanceTimersByTimeAsync(100);
    expect(sent.flatMap(({ syncline }) => syncline.ack)).toHaveLength(50);
    expect(acks.dropped).toBe(70);
    nowMs += 1_000;
    add();
    await vi.advanceTimersByTimeAsync(100);
    expect(sent.flatMap(({ syncline }) => syncline.ack)).toHaveLength(51);
  });

  test("a clock that goes back holds nothing for less than no time", async () => {
    add();
    nowMs -= 50;
    await vi.advanceTimersByTimeAsync(100);
    expect(sent[0]?.syncline.ack[0]?.held_ms).toBe(0);
  });

  test("without a connection they are dropped and counted", async () => {
    isConnected = false;
    add(2);
    expect(acks.dropped).toBe(2);
    isConnected = true;
    await vi.advanceTimersByTimeAsync(200);
    expect(sent).toEqual([]);
  });

  test("what waits when the connection is lost does not go out over the next", async () => {
    add(3);
    acks.lose();
    await vi.advanceTimersByTimeAsync(200);
    expect([sent, acks.dropped]).toEqual([[], 3]);
  });

  test("a send that fails is counted, and thrown at nobody", async () => {
    acks = new Acknowledgements({ isConnected: () => true, send: () => Promise.reject(new Error("gone")) });
    add(2);
    acks.flush();
    await vi.waitFor(() => expect(acks.dropped).toBe(2));
  });
});

describe("in a page", () => {
  class Page extends EventTarget {
    hidden = false;

    hide(): void {
      this.hidden = true;
      this.dispatchEvent(new Event("visibilitychange"));
    }
  }

  let page: Page;

  beforeEach(() => {
    page = new Page();
    vi.stubGlobal("document", page);
    acks = made();
  });

  test("that is being hidden, what waits leaves at once", () => {
    add();
    page.hide();
    expect(sent).toHaveLength(1);
  });

  test("that is hidden nothing waits, since its timers may take a minute", () => {
    page.hide();
    add();
    expect(sent).toHaveLength(1);
  });

  test("nothing listens after the end", () => {
    add();
    acks.close();
    page.hide();
    expect([sent, acks.dropped]).toEqual([[], 1]);
  });
});
