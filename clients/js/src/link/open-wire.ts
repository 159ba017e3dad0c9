import type { Options } from "centrifuge";
import type { Surroundings } from "../surroundings.js";
import { ElectedWire } from "./elected-wire.js";
import { LocalWire } from "./local-wire.js";
import { tabLock } from "./messages.js";
import { WorkerWire } from "./worker-wire.js";
import type { Wire } from "./wire.js";

/** Where the script `syncline/worker` is, or what starts it under the name given. */
export type WorkerSource = string | URL | ((name: string) => SharedWorker);

export interface WireOptions {
  /** Of the connection: tabs that give the same name share it. */
  name: string;
  tab: string;
  worker: WorkerSource | null;
  client: Partial<Options>;
}

/** The best way of sharing one connection that there is here: shared worker, elected tab, none. */
export function openWire({ locks, openBroadcast }: Surroundings, { name, tab, worker, client }: WireOptions): Wire {
  if (!locks || !openBroadcast) return new LocalWire(client);
  const elect = (): Wire => new ElectedWire(name, tab, locks, openBroadcast, client);
  if (!worker || typeof SharedWorker === "undefined") return elect();
  return new WorkerWire(name, tab, locks, () => startWorker(worker, name), elect);
}

function startWorker(worker: WorkerSource, name: string): SharedWorker {
  return typeof worker === "function" ? worker(name) : new SharedWorker(worker, { type: "module", name });
}

/** Held for as long as the page lives, so that others can tell. Ends when it is held, with what lets go of it. */
export function holdTabLock(locks: LockManager, tab: string): Promise<() => void> {
  return new Promise((resolve) => {
    const hold = (): Promise<void> => new Promise((release) => resolve(release));
    void locks.request(tabLock(tab), hold);
  });
}

/** The tabs of this origin that live. */
export async function livingTabs(locks: LockManager): Promise<ReadonlySet<string>> {
  const { held = [] } = await locks.query();
  const start = tabLock("");
  const names = held.map(({ name = "" }) => name).filter((name) => name.startsWith(start));
  return new Set(names.map((name) => name.slice(start.length)));
}
