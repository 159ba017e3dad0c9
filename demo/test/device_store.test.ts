import assert from "node:assert/strict";
import { test } from "node:test";
import { demoAccount } from "../src/account.js";
import { DeviceStore } from "../src/device_store.js";

class FakeStorage implements Storage {
  readonly values = new Map<string, string>();

  get length(): number {
    return this.values.size;
  }

  key(index: number): string | null {
    return [...this.values.keys()][index] ?? null;
  }

  getItem(name: string): string | null {
    return this.values.get(name) ?? null;
  }

  setItem(name: string, value: string): void {
    this.values.set(name, value);
  }

  removeItem(name: string): void {
    this.values.delete(name);
  }

  clear(): void {
    this.values.clear();
  }
}

/** Locks of one browser: each name is held by the first who asks, for good. */
function fakeLocks(): LockManager {
  const held = new Set<string>();
  const request = async (name: string, _options: object, work: (lock: unknown) => unknown): Promise<unknown> => {
    if (held.has(name)) return work(null);
    held.add(name);
    return work({ name });
  };
  return { request, query: async () => ({}) } as unknown as LockManager;
}

function stores(storage = new FakeStorage()) {
  let changes = 0;
  const count = (): void => void (changes += 1);
  return { laptop: new DeviceStore(storage, "laptop:", count), phone: new DeviceStore(storage, "phone:", count), changes: () => changes };
}

test("two devices keep their own", async () => {
  const { laptop, phone } = stores();
  await laptop.put("login", { user: "ada" });
  assert.deepEqual(await laptop.get("login"), { user: "ada" });
  assert.equal(await phone.get("login"), undefined);
});

test("entries are those of a prefix, by name", async () => {
  const { laptop, phone } = stores();
  for (const name of ["doc|b", "doc|a", "device"]) await laptop.put(name, name);
  await phone.put("doc|c", 1);
  assert.deepEqual(await laptop.entries("doc|"), [
    ["doc|a", "doc|a"],
    ["doc|b", "doc|b"],
  ]);
});

test("wiping by prefix leaves the rest, and the other device", async () => {
  const { laptop, phone, changes } = stores();
  for (const store of [laptop, phone]) for (const name of ["doc|a", "doc|b", "device"]) await store.put(name, 1);
  const before = changes();
  await laptop.deleteAll("doc|");
  assert.deepEqual(laptop.names, ["device"]);
  assert.deepEqual(phone.names, ["device", "doc|a", "doc|b"]);
  assert.ok(changes() > before);
});

test("an account survives a reload, which gives up the lock of the page before", async () => {
  const storage = new FakeStorage();
  const first = await demoAccount(storage, fakeLocks());
  assert.match(first.email, /^ada-[0-9a-f]{8}@demo\.invalid$/);
  assert.equal(first.isNew, true);
  assert.deepEqual(await demoAccount(storage, fakeLocks()), { ...first, isNew: false });
});

test("a duplicated tab takes neither the account nor what its devices keep", async () => {
  const [storage, locks] = [new FakeStorage(), fakeLocks()];
  const first = await demoAccount(storage, locks);
  await new DeviceStore(storage, "laptop:", () => undefined).put("login", { refreshToken: "secret" });
  const copy = new FakeStorage();
  for (const [name, value] of storage.values) copy.setItem(name, value);
  const second = await demoAccount(copy, locks);
  assert.equal(second.isNew, true);
  assert.notEqual(second.email, first.email);
  assert.equal(copy.getItem("laptop:login"), null);
});

test("where there are no locks an account is kept all the same", async () => {
  const storage = new FakeStorage();
  const { email } = await demoAccount(storage, undefined);
  assert.equal((await demoAccount(storage, undefined)).email, email);
});
