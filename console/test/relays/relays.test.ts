import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { grouped, jsonBody, presentIds, reasonText } from "../../src/pages/relays/letters.js";
import { factsOf, isCounter, measureName, ratesOf } from "../../src/pages/relays/relay_rates.js";
import type { DeadLetterView, RelayView } from "../../src/types.js";

function relay(measures: Record<string, number>, change: Partial<RelayView> = {}): RelayView {
  return {
    name: "orders",
    kind: "rabbitmq",
    node: "n1",
    node_name: "node-1",
    is_attached: true,
    age_s: 1,
    detail: "",
    measures,
    has_dead_letters: true,
    ...change,
  };
}

function letter(change: Partial<DeadLetterView> = {}): DeadLetterView {
  return {
    id: "1",
    reason: "no_route",
    detail: "",
    subject: "orders",
    headers: {},
    body: "{}",
    is_cut: false,
    dead_since_ms: 0,
    attempts: 0,
    ...change,
  };
}

describe("rates", () => {
  it("are what counters grew by in a second", () => {
    const before = { atMs: 1_000, relays: [relay({ amqp_received: 100, amqp_queue_length: 7 })] };
    const rates = ratesOf(relay({ amqp_received: 150, amqp_queue_length: 9 }), before, 6_000);
    expect([...rates]).toEqual([["amqp_received", 10]]);
  });

  it("are not known at first, of another node, and of a counter that began anew", () => {
    const now = relay({ amqp_received: 5 });
    expect(ratesOf(now, null, 1_000).size).toBe(0);
    expect(ratesOf(now, { atMs: 0, relays: [relay({ amqp_received: 1 }, { node: "n2" })] }, 1_000).size).toBe(0);
    expect(ratesOf(now, { atMs: 0, relays: [relay({ amqp_received: 9 })] }, 1_000).size).toBe(0);
    expect(ratesOf(now, { atMs: 1_000, relays: [now] }, 1_000).size).toBe(0);
  });

  it("are never negative", () => {
    const count = fc.integer({ min: 0, max: 1_000 });
    fc.assert(
      fc.property(count, count, count, (earlier, later, afterMs) => {
        const before = { atMs: 0, relays: [relay({ redis_received: earlier })] };
        for (const rate of ratesOf(relay({ redis_received: later }), before, afterMs).values())
          expect(rate).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

describe("the facts of a relay", () => {
  it("are the same few for every kind", () => {
    const rates = new Map([
      ["amqp_received", 12],
      ["amqp_rejected", 0.5],
    ]);
    const rabbit = relay({ amqp_received: 9, amqp_rejected: 3, amqp_dead_lettered: 3, amqp_queue_length: 40 });
    expect(factsOf(rabbit, rates)).toEqual({ throughputPerS: 12, refusedPerS: 0.5, numRefused: 3, backlog: 40 });
    const outbox = relay({ outbox_published: 4, outbox_refused: 1, outbox_failures: 2, outbox_waiting: 0 });
    expect(factsOf(outbox, new Map())).toEqual({ throughputPerS: null, refusedPerS: null, numRefused: 3, backlog: 0 });
    expect(factsOf(relay({}), new Map())).toEqual({ throughputPerS: null, refusedPerS: null, numRefused: 0, backlog: null });
  });

  it("tell counters from gauges, with a label and without", () => {
    expect(["amqp_received", "amqp_received.orders", "sink_failures.crm", "redis_lost_links"].every(isCounter)).toBe(true);
    expect(["amqp_queue_length", "amqp_in_hand.orders", "outbox_is_stalled", "redis_lag"].some(isCounter)).toBe(false);
    expect(measureName("amqp_queue_length.orders", "orders")).toBe("amqp queue length");
    expect(measureName("amqp_received", "orders")).toBe("amqp received");
  });
});

describe("dead letters", () => {
  it("are one row for an id, with the number of copies", () => {
    const rows = grouped([letter({ id: "b" }), letter({ id: "a" }), letter({ id: "b" })]);
    expect(rows.map(({ letter: { id }, numCopies }) => [id, numCopies])).toEqual([
      ["b", 2],
      ["a", 1],
    ]);
  });

  it("are selected only as long as they are there", () => {
    const ids = fc.array(fc.constantFrom<string>("a", "b", "c", "d"));
    fc.assert(
      fc.property(ids, ids, (present, selected) => {
        const rows = grouped(present.map((id) => letter({ id })));
        const chosen = presentIds(rows, new Set(selected));
        expect(new Set(chosen).size).toBe(chosen.length);
        expect(chosen.every((id) => present.includes(id) && selected.includes(id))).toBe(true);
      }),
    );
  });

  it("have a body that is shown as JSON only when it is, and whole", () => {
    expect(jsonBody(letter({ body: '{"a":1}' }))).toEqual({ value: { a: 1 } });
    expect(jsonBody(letter({ body: "null" }))).toEqual({ value: null });
    expect(jsonBody(letter({ body: "{broken" }))).toBeNull();
    expect(jsonBody(letter({ body: "12", is_cut: true }))).toBeNull();
  });

  it("have reasons in words, but for those of a carrier's own", () => {
    expect(reasonText("no_route")).toBe("No route matches it.");
    for (const reason of ["expired", "", "constructor"]) expect(reasonText(reason)).toBe("");
  });
});
