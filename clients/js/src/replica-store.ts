import type { ReplicaRecord, StoredEdit } from "./replica.js";
import type { Store } from "./store.js";

/** How a tab knows which others live: each holds a lock. Null where there are no locks, and so no other tabs. */
export type LivingTabs = (() => Promise<ReadonlySet<string>>) | null;

/**
 * The records of one document in one browser: each tab has its own, and what a dead one leaves is taken over, once.
 */
export class ReplicaStore {
  #saving: Promise<boolean> = Promise.resolve(true);
  #next: (() => ReplicaRecord) | null = null;
  #isClosed = false;
  #hasTakenOver = false;

  constructor(
    private readonly store: Store,
    /** Of the document; the name of each record goes on with its tab. */
    private readonly prefix: string,
    private readonly tab: string,
    private readonly livingTabs: LivingTabs,
    private readonly locks: LockManager | null,
  ) {}

  /** What is known of the document here, whoever has learnt it. */
  async newest(): Promise<ReplicaRecord["confirmed"] | null> {
    const records = (await this.#records()).map(([, record]) => record.confirmed);
    return records.reduce<ReplicaRecord["confirmed"] | null>((a, b) => (a && a.version >= b.version ? a : b), null);
  }

  /**
   * Hand the edits of tabs that are gone to `take`, which says whether they are saved, and then delete them. A record
   * of this tab's own, from before a restart, is handed over by the first call only: later it may be behind.
   */
  async takeOver(take: (queue: StoredEdit[]) => Promise<boolean>): Promise<void> {
    const isFirst = !this.#hasTakenOver;
    this.#hasTakenOver = true;
    const work = async (): Promise<void> => {
      for (const [name, { queue }] of await this.#orphans()) {
        const isOwn = name === this.#name;
        const isSaved = (isFirst || !isOwn) && (await take(queue));
        if (isSaved && !isOwn) await this.store.delete(name);
      }
    };
    await (this.locks ? this.locks.request(`syncline:adopt:${this.prefix}`, work) : work());
  }

  /** Whether a record at least as new as now has been stored. Writes that wait are made one. Never throws. */
  save(record: () => ReplicaRecord): Promise<boolean> {
    if (!this.#next) this.#saving = this.#saving.then(() => this.#write());
    this.#next = record;
    return this.#saving;
  }

  /** Nothing is stored any more, after this last record where there is one. */
  async close(last: ReplicaRecord | null): Promise<void> {
    if (last) await this.save(() => last);
    this.#isClosed = true;
    await this.#saving;
  }

  async #write(): Promise<boolean> {
    const record = this.#next;
    this.#next = null;
    if (!record || this.#isClosed) return false;
    return this.store.put(this.#name, record()).then(
      () => true,
      () => false,
    );
  }

  get #name(): string {
    return `${this.prefix}${this.tab}`;
  }

  async #records(): Promise<[string, ReplicaRecord][]> {
    return (await this.store.entries(this.prefix)) as [string, ReplicaRecord][];
  }

  async #orphans(): Promise<[string, ReplicaRecord][]> {
    const living = await this.livingTabs?.();
    const records = await this.#records();
    return living ? records.filter(([name]) => !living.has(name.slice(this.prefix.length))) : records;
  }
}
