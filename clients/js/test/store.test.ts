import "fake-indexeddb/auto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { IndexedDbStore, MemoryStore, type Store } from "../src/store.js";

let lastDatabase = 0;
const stores: [string, () => Store][] = [
  ["memory", () => new MemoryStore()],
  ["IndexedDB", () => new IndexedDbStore(`test ${++lastDatabase}`)],
];

describe.each(stores)("%s", (_name, make) => {
  test("keeps what was put, until it is deleted", async () => {
    const store = make();
    expect(await store.get("a")).toBeUndefined();
    await store.put("a", { n: [1, null] });
    expect(await store.get("a")).toEqual({ n: [1, null] });
    await store.put("a", 2);
    expect(await store.get("a")).toBe(2);
    await store.delete("a");
    await store.delete("a");
    expect(await store.get("a")).toBeUndefined();
  });

  test("does not share what it keeps with who put it", async () => {
    const store = make();
    const value = { n: 1 };
    await store.put("a", value);
    value.n = 2;
    expect(await store.get("a")).toEqual({ n: 1 });
  });

  test("finds and deletes what begins with a prefix, and nothing else", async () => {
    const names = fc.uniqueArray(fc.string({ unit: fc.constantFrom("a", "b", "|", "é"), maxLength: 4 }), {
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(names, fc.constantFrom("a", "a|", "b", "|"), async (all, prefix) => {
        const store = make();
        for (const name of all) await store.put(name, name);
        const matching = all.filter((name) => name.startsWith(prefix)).sort();
        expect(await store.entries(prefix)).toEqual(matching.map((name) => [name, name]));
        await store.deleteAll(prefix);
        const left = (await Promise.all(all.map((name) => store.get(name)))).filter((value) => value !== undefined);
        expect(left).toEqual(all.filter((name) => !name.startsWith(prefix)));
      }),
      { numRuns: 40 },
    );
  });
});
