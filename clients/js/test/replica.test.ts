import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { equal, isObject, type Json } from "../src/json.js";
import { Replica, type Change, type Outcome } from "../src/replica.js";
import { json } from "./arbitrary.js";
import { SimulatedDevice, type Fate } from "./simulated-device.js";
import { SimulatedServer } from "./simulated-server.js";

interface World {
  server: SimulatedServer;
  devices: SimulatedDevice[];
}

type Step = [what: string, run: (world: World) => void];

const countOf = (value: Json | undefined): number => (isObject(value) ? Number(value.n ?? 0) : 0);
const increment = (value: Json | undefined): Json => ({ ...(isObject(value) ? value : {}), n: countOf(value) + 1 });

function onDevice<T>(
  what: string,
  values: fc.Arbitrary<T>,
  act: (device: SimulatedDevice, value: T) => void,
): fc.Arbitrary<Step> {
  return fc
    .tuple(fc.nat(2), values)
    .map(([index, value]) => [
      `${what} ${index} ${JSON.stringify(value)}`,
      ({ devices }) => act(devices[index] as SimulatedDevice, value),
    ]);
}

const fate = fc.constantFrom<Fate>("arrives", "is lost");
const operations = fc.array(
  fc.record({
    op: fc.constantFrom("add" as const, "replace" as const),
    path: fc.constantFrom("/a", "/b/-", "/b/0"),
    value: json,
  }),
  { minLength: 1, maxLength: 2 },
);

const wire: fc.Arbitrary<Step>[] = [
  onDevice("send", fate, (device, how) => device.send(how)),
  onDevice("send", fate, (device, how) => device.send(how)),
  onDevice("ask", fc.constant(0), (device) => device.ask()),
  onDevice("ask, and hear meanwhile", fc.nat(9), (device, index) => device.ask(() => device.hear(index, false))),
  onDevice("hear", fc.tuple(fc.nat(9), fc.boolean()), (device, [index, comesAgain]) => device.hear(index, comesAgain)),
  onDevice("hear", fc.tuple(fc.constant(0), fc.constant(false)), (device, [index, again]) => device.hear(index, again)),
  onDevice("reconnect", fc.constant(0), (device) => device.reconnect()),
];

const editing: fc.Arbitrary<Step>[] = [
  onDevice("replace", json, (device, value) => device.note(device.replica.edit("replace", value))),
  onDevice("merge", json, (device, value) => device.note(device.replica.edit("merge", value))),
  onDevice("patch", operations, (device, value) => device.note(device.replica.edit("patch", value as unknown as Json))),
  onDevice("remove", fc.constant(0), (device) => device.note(device.replica.edit("remove"))),
  onDevice("increment", fc.constant(0), (device) => device.note(device.replica.update(increment))),
];

const incrementing = [onDevice("increment", fc.constant(0), (device) => device.note(device.replica.update(increment)))];
const reloading = [onDevice("reload", fc.constant(0), (device) => device.reload())];
const trimming: fc.Arbitrary<Step>[] = [fc.constant<Step>(["trim", ({ server }) => server.trim()])];
const restoring: fc.Arbitrary<Step>[] = [
  fc.constant<Step>(["back up", ({ server }) => server.backUp()]),
  fc.constant<Step>([
    "restore",
    ({ server, devices }) => {
      if (server.restore()) for (const device of devices) device.reconnect();
    },
  ]),
];

/** Every step in any order; then the wire is whole and everybody is done. */
function afterAll(steps: fc.Arbitrary<Step>[], check: (world: World) => void | Promise<void>, numRuns: number) {
  const script = fc.array(fc.oneof(...steps), { maxLength: 60, size: "max" });
  const property = fc.asyncProperty(script, async (run) => {
    const server = new SimulatedServer();
    const world = { server, devices: [0, 1, 2].map(() => new SimulatedDevice(server)) };
    for (const [, step] of run) {
      step(world);
      expectKnown(world);
    }
    for (const device of world.devices) device.settle();
    for (const device of world.devices) {
      device.reconnect();
      device.settle();
    }
    await check(world);
  });
  return fc.assert(property, { numRuns });
}

/** The invariant of `Replica`. */
function expectKnown({ server, devices }: World): void {
  for (const { replica } of devices) if (replica.isLoaded) expect(server.had(replica.confirmed)).toBe(true);
}

function expectConverged({ server, devices }: World): void {
  for (const { replica } of devices) {
    expect(replica.confirmed.version).toBe(server.document.version);
    expect(replica.confirmed.epoch).toBe(server.document.epoch);
    expect(equal(replica.value, server.document.value)).toBe(true);
  }
}

function expectOnce({ server: { log } }: World): void {
  expect(new Set(log.map(({ mutation }) => mutation)).size).toBe(log.length);
  log.forEach(({ version }, i) => expect(version).toBe((log[0]?.version ?? 0) + i));
}

describe("whatever is cut, repeated, overtaken or lost", () => {
  test("all devices and the server end with the same document, each mutation applied once", async () => {
    await afterAll(
      [...editing, ...wire, ...reloading, ...trimming],
      (world) => {
        expectConverged(world);
        expectOnce(world);
      },
      600,
    );
  });

  test("also when the database is restored from a backup", async () => {
    await afterAll([...editing, ...wire, ...reloading, ...trimming, ...restoring], expectConverged, 600);
  });

  test("a guarded edit is applied exactly once, on top of what was there", async () => {
    await afterAll(
      [...incrementing, ...wire, ...trimming],
      async ({ server, devices }) => {
        await Promise.resolve();
        const outcomes = devices.flatMap(({ outcomes }) => outcomes);
        expect(outcomes.every(({ accepted }) => accepted)).toBe(true);
        expect(countOf(server.document.value)).toBe(outcomes.length);
      },
      600,
    );
  });
});

function loaded(value: Json, version = 1): Replica {
  let last = 0;
  const replica = new Replica(() => `id${++last}`);
  replica.takeDocument({ epoch: "e", version, value });
  return replica;
}

async function outcomeOf(outcome: Promise<Outcome> | null): Promise<Outcome | "open"> {
  return Promise.race([outcome ?? Promise.reject(new Error("no edit")), Promise.resolve("open" as const)]);
}

describe("one replica", () => {
  test("shows an edit at once and sends it the same until it is answered", () => {
    const replica = loaded({ a: 1 });
    void replica.edit("merge", { b: 2 });
    expect(replica.value).toEqual({ a: 1, b: 2 });
    const first = replica.prepare(1_000);
    replica.receive({ version: 2, kind: "merge", patch: { a: 5 }, mutation: "other", epoch: "e" });
    expect(replica.prepare(2_000)).toEqual(first);
    expect(replica.value).toEqual({ a: 5, b: 2 });
  });

  test("computes a guarded edit anew, as another mutation, when the document has moved on", () => {
    const replica = loaded({ n: 1 });
    void replica.update(increment);
    const first = replica.prepare(0);
    expect(first).toEqual({ id: "id1", kind: "merge", patch: { n: 2 }, baseVersion: 1 });
    replica.conflict("id1", { epoch: "e", version: 4, value: { n: 7, x: 1 } }, 0, null);
    expect(replica.value).toEqual({ n: 8, x: 1 });
    expect(replica.prepare(0)).toEqual({ id: "id2", kind: "merge", patch: { n: 8 }, baseVersion: 4 });
  });

  test("after a reload, without the function, sends the same under the new version", () => {
    const before = loaded({ n: 1 });
    void before.update(increment);
    before.prepare(0);
    const replica = new Replica(() => "unused", structuredClone(before.record));
    expect(replica.need).toBe("changes");
    replica.takeChanges({ version: 1, epoch: "e", complete: true, changes: [] });
    replica.conflict("id1", { epoch: "e", version: 4, value: { n: 7 } }, 0, null);
    expect(replica.prepare(0)).toEqual({ id: "id1", kind: "merge", patch: { n: 2 }, baseVersion: 4 });
  });

  test("waits for its version when the answer is ahead of the channel", async () => {
    const replica = loaded({});
    const outcome = replica.edit("merge", { a: 1 });
    replica.prepare(0);
    replica.accept("id1", 3, "e");
    expect(replica.need).toBe("changes");
    expect(replica.prepare(0)).toBeNull();
    expect(await outcomeOf(outcome)).toBe("open");
    const changes: Change[] = [
      { version: 2, kind: "merge", patch: { b: 1 }, mutation: "x" },
      { version: 3, kind: "merge", patch: { a: 1 }, mutation: "id1" },
    ];
    replica.takeChanges({ version: 3, epoch: "e", complete: true, changes });
    expect(await outcome).toEqual({ accepted: true, version: 3 });
    expect(replica.value).toEqual({ a: 1, b: 1 });
  });

  test("joins edits that have not been sent, not those that have", () => {
    const replica = loaded({});
    void replica.edit("merge", { a: 1 });
    replica.prepare(0);
    void replica.edit("merge", { b: 1, c: { d: 1 } });
    void replica.edit("merge", { b: null, c: { e: 2 } });
    expect(replica.pendingCount).toBe(2);
    expect(replica.record.queue[1]?.patch).toEqual({ b: null, c: { d: 1, e: 2 } });
  });

  test.each<[first: Json, second: Json, joined: number]>([
    [{ a: 1 }, { a: { b: 2 } }, 2],
    [{ a: null }, { a: { b: 2 } }, 2],
    [{ a: { b: 1 } }, { a: null }, 1],
    [[1], { a: 1 }, 2],
    [{ a: 1 }, "whole", 1],
  ])("joins %j and %j only where one patch says the same", (first, second, joined) => {
    const apart = loaded({ a: { z: 1 } });
    void apart.edit("merge", first);
    apart.prepare(0);
    void apart.edit("merge", second);
    const together = loaded({ a: { z: 1 } });
    void together.edit("merge", first);
    void together.edit("merge", second);
    expect(together.value).toEqual(apart.value);
    expect(together.pendingCount).toBe(joined);
  });

  test("joins guarded edits: many key strokes are one mutation", () => {
    const replica = loaded({ n: 0 });
    for (let i = 0; i < 5; i++) void replica.update(increment);
    expect(replica.prepare(0)).toMatchObject({ patch: { n: 5 } });
    expect(replica.pendingCount).toBe(1);
  });

  test("passes over an edit that does not apply, and drops it when it is refused", async () => {
    const replica = loaded({ a: 1 });
    const outcome = replica.edit("patch", [{ op: "remove", path: "/zzz" }]);
    expect(replica.value).toEqual({ a: 1 });
    replica.prepare(0);
    replica.refuse("id1", "why");
    expect(await outcome).toEqual({ accepted: false, error: "why" });
  });

  test("an edit whose outcome was unknown for a day is sent under its own version, and given up in a conflict", async () => {
    const dayMs = 24 * 3600_000;
    const replica = loaded({ a: 1 });
    const outcome = replica.edit("merge", { a: 2 });
    expect(replica.prepare(0)).not.toHaveProperty("baseVersion");
    expect(replica.prepare(dayMs)).toMatchObject({ baseVersion: 1 });
    expect(replica.conflict("id1", { epoch: "e", version: 2, value: { a: 3 } }, dayMs, "late")).toBe(false);
    expect(await outcome).toEqual({ accepted: false, error: "late" });
    expect(replica.value).toEqual({ a: 3 });
  });

  test("another epoch replaces what is known, whatever its version, and keeps the edits", () => {
    const replica = loaded({ a: 1 }, 9);
    void replica.edit("merge", { b: 2 });
    const sending = replica.prepare(0);
    replica.accept("id1", 3, "other");
    expect(replica.need).toBe("document");
    replica.takeDocument({ epoch: "other", version: 2, value: { a: 0 } });
    expect(replica.value).toEqual({ a: 0, b: 2 });
    expect(replica.prepare(0)).toEqual(sending);
  });

  test("a function that fails on the new value ends its edit with that error", async () => {
    const replica = loaded({ n: 1 });
    const failure = new Error("no");
    const outcome = replica.update((value) => {
      if (countOf(value) > 1) throw failure;
      return { n: 5 };
    });
    replica.receive({ version: 2, kind: "replace", patch: { n: 2 }, mutation: "x", epoch: "e" });
    expect(replica.prepare(0)).toBeNull();
    expect(await outcome).toEqual({ accepted: false, error: failure });
  });

  test("an answer about what the document has already drops the edit, and nothing else", async () => {
    const replica = loaded([0]);
    const outcome = replica.edit("patch", [{ op: "add", path: "/-", value: 1 }]);
    replica.prepare(0);
    replica.takeDocument({ epoch: "e", version: 3, value: [0, 1, 2] });
    replica.accept("id1", 2, "e");
    expect(await outcome).toEqual({ accepted: true, version: 2 });
    expect(replica.confirmed).toEqual({ epoch: "e", version: 3, value: [0, 1, 2] });
  });

  test("what is published after a restore and before the answer is asked for", () => {
    const replica = loaded({ a: 1 }, 5);
    replica.receive({ version: 1, kind: "merge", patch: { a: 2 }, mutation: "x", epoch: "other" });
    expect(replica.ask()).toBe("document");
    replica.receive({ version: 2, kind: "merge", patch: { a: 3 }, mutation: "y", epoch: "other" });
    replica.takeDocument({ epoch: "other", version: 1, value: { a: 2 } });
    expect(replica.ask()).toBe("changes");
    const change = { version: 2, kind: "merge" as const, patch: { a: 3 }, mutation: "y" };
    replica.takeChanges({ version: 2, epoch: "other", complete: true, changes: [change] });
    expect([replica.need, replica.value]).toEqual(["nothing", { a: 3 }]);
  });

  test("an older document of the same epoch changes nothing", () => {
    const replica = loaded({ a: 2 }, 2);
    replica.takeDocument({ epoch: "e", version: 1, value: { a: 1 } });
    expect(replica.confirmed).toEqual({ epoch: "e", version: 2, value: { a: 2 } });
  });

  test("asks again for what was published between question and answer", () => {
    const replica = loaded({});
    replica.lose();
    expect(replica.ask()).toBe("changes");
    replica.receive({ version: 2, kind: "replace", patch: 1, mutation: "x", epoch: "e" });
    replica.takeChanges({ version: 1, epoch: "e", complete: true, changes: [] });
    expect(replica.need).toBe("changes");
    expect(replica.value).toEqual({});
  });

  test("takes over the edits of another replica, once, behind what is on its way", () => {
    const gone = new Replica(() => "gone1");
    void gone.edit("merge", { g: 1 });
    const replica = loaded({});
    void replica.edit("merge", { a: 1 });
    replica.prepare(0);
    void replica.edit("merge", { b: 1 });
    replica.adopt(gone.record.queue);
    replica.adopt(gone.record.queue);
    expect(replica.record.queue.map(({ patch }) => patch)).toEqual([{ a: 1 }, { g: 1 }, { b: 1 }]);
  });
});
