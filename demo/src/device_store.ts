import type { Store } from "syncline";

/**
 * What one device keeps, in the tab's own storage: it survives a reload, ends with the tab, and no other tab has it.
 *
 * The two devices of the page are two prefixes, as two phones would be two disks.
 */
export class DeviceStore implements Store {
  constructor(
    private readonly storage: Storage,
    private readonly prefix: string,
    private readonly changed: () => void,
  ) {}

  /** All that is kept, by name. */
  get names(): string[] {
    const all = Array.from({ length: this.storage.length }, (_, i) => this.storage.key(i) ?? "");
    const own = all.filter((name) => name.startsWith(this.prefix)).map((name) => name.slice(this.prefix.length));
    return own.sort((a, b) => (a < b ? -1 : 1));
  }

  async get(name: string): Promise<unknown> {
    const text = this.storage.getItem(this.prefix + name);
    return text === null ? undefined : JSON.parse(text);
  }

  async put(name: string, value: unknown): Promise<void> {
    this.storage.setItem(this.prefix + name, JSON.stringify(value));
    this.changed();
  }

  async delete(name: string): Promise<void> {
    this.storage.removeItem(this.prefix + name);
    this.changed();
  }

  async entries(prefix: string): Promise<[string, unknown][]> {
    const names = this.names.filter((name) => name.startsWith(prefix));
    return Promise.all(names.map(async (name): Promise<[string, unknown]> => [name, await this.get(name)]));
  }

  async deleteAll(prefix: string): Promise<void> {
    for (const name of this.names) if (name.startsWith(prefix)) this.storage.removeItem(this.prefix + name);
    this.changed();
  }
}
