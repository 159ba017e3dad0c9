/**
 * Where a client keeps what must survive a reload: who is logged in, documents as last seen, edits not yet accepted.
 * Values are structured-cloneable. Each operation is atomic by itself; none is ordered against those of other tabs.
 */
export interface Store {
  get(name: string): Promise<unknown>;
  put(name: string, value: unknown): Promise<void>;
  delete(name: string): Promise<void>;
  /** All entries whose names begin so, by name in the order of code units. */
  entries(prefix: string): Promise<[name: string, value: unknown][]>;
  deleteAll(prefix: string): Promise<void>;
}

/** Keeps nothing beyond the process. */
export class MemoryStore implements Store {
  readonly #values = new Map<string, unknown>();

  async get(name: string): Promise<unknown> {
    return structuredClone(this.#values.get(name));
  }

  async put(name: string, value: unknown): Promise<void> {
    this.#values.set(name, structuredClone(value));
  }

  async delete(name: string): Promise<void> {
    this.#values.delete(name);
  }

  async entries(prefix: string): Promise<[string, unknown][]> {
    const found = [...this.#values].filter(([name]) => name.startsWith(prefix));
    return structuredClone(found.sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  async deleteAll(prefix: string): Promise<void> {
    for (const name of [...this.#values.keys()]) if (name.startsWith(prefix)) this.#values.delete(name);
  }
}

const objectStore = "values";

/** One database of a browser, shared by its tabs. Opened at the first use; opened anew after a failure. */
export class IndexedDbStore implements Store {
  #database: Promise<IDBDatabase> | null = null;

  constructor(private readonly name = "syncline") {}

  async get(name: string): Promise<unknown> {
    return this.#run("readonly", (values) => values.get(name));
  }

  async put(name: string, value: unknown): Promise<void> {
    await this.#run("readwrite", (values) => values.put(value, name));
  }

  async delete(name: string): Promise<void> {
    await this.#run("readwrite", (values) => values.delete(name));
  }

  async entries(prefix: string): Promise<[string, unknown][]> {
    const range = rangeOf(prefix);
    let names: IDBRequest<IDBValidKey[]> | undefined;
    const found = await this.#run<unknown[]>("readonly", (values) => {
      names = values.getAllKeys(range);
      return values.getAll(range);
    });
    return found.map((value, i) => [String(names?.result[i]), value]);
  }

  async deleteAll(prefix: string): Promise<void> {
    await this.#run("readwrite", (values) => values.delete(rangeOf(prefix)));
  }

  async #run<T>(mode: IDBTransactionMode, work: (values: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    this.#database ??= this.#open();
    const transaction = (await this.#database).transaction(objectStore, mode);
    const request = work(transaction.objectStore(objectStore));
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error ?? new Error("the transaction was aborted"));
    });
  }

  #open(): Promise<IDBDatabase> {
    return new Promise((resolve, reject) => {
      const request = indexedDB.open(this.name, 1);
      const fail = (): void => {
        this.#database = null;
        reject(request.error ?? new Error("no database"));
      };
      request.onupgradeneeded = () => void request.result.createObjectStore(objectStore);
      request.onerror = fail;
      request.onsuccess = () => {
        const database = request.result;
        database.onclose = () => (this.#database = null);
        database.onversionchange = () => {
          database.close();
          this.#database = null;
        };
        resolve(database);
      };
    });
  }
}

function rangeOf(prefix: string): IDBKeyRange {
  return IDBKeyRange.bound(prefix, `${prefix}\uffff`);
}

export function defaultStore(): Store {
  return typeof indexedDB === "undefined" ? new MemoryStore() : new IndexedDbStore();
}
