import { attempt, type EditContent } from "../src/edit.js";
import { equal, type Json } from "../src/json.js";
import type { Change, Confirmed, Sending } from "../src/replica.js";

export type Published = Change & { epoch: string };

type Reply = { version: number; epoch: string } | { conflict: Confirmed } | { refused: true };

/** What the server holds to, without its I/O: section 6 of the contract. */
export class SimulatedServer {
  #value: Json | undefined;
  #version = 0;
  #epoch = 1;
  #log: Change[] = [];
  /** By mutation id: the version that it has made. */
  #remembered = new Map<string, number>();
  /** Every document there has been, by epoch and version. */
  readonly #history = new Map<string, Json | undefined>();
  readonly #subscribers = new Set<(change: Published) => void>();
  #backup: (() => void) | null = null;

  constructor() {
    this.#commit("first", { b: [] }, { kind: "replace", patch: { b: [] } });
  }

  /** Whether there has been this document. */
  had({ epoch, version, value }: Confirmed): boolean {
    return this.#history.has(`${epoch} ${version}`) && equal(this.#history.get(`${epoch} ${version}`), value);
  }

  get document(): Confirmed {
    const { epoch } = this;
    return this.#value === undefined
      ? { epoch, version: this.#version }
      : { epoch, version: this.#version, value: this.#value };
  }

  get epoch(): string {
    return `e${this.#epoch}`;
  }

  get log(): readonly Change[] {
    return this.#log;
  }

  subscribe(subscriber: (change: Published) => void): void {
    this.#subscribers.add(subscriber);
  }

  mutate({ id, kind, patch, baseVersion }: Sending): Reply {
    const remembered = this.#remembered.get(id);
    if (remembered !== undefined) return { version: remembered, epoch: this.epoch };
    if (baseVersion !== undefined && baseVersion !== this.#version) return { conflict: this.document };
    const content: EditContent = patch === undefined ? { kind } : { kind, patch };
    const applied = attempt(this.#value, content);
    if (!applied) return { refused: true };
    this.#commit(id, applied.value, content);
    return { version: this.#version, epoch: this.epoch };
  }

  changes(since: number): { version: number; epoch: string; changes: Change[]; complete: boolean } {
    const changes = this.#log.filter(({ version }) => version > since).slice(0, 3);
    const complete = changes[0]?.version === since + 1 || since === this.#version;
    return { version: this.#version, epoch: this.epoch, changes: complete ? changes : [], complete };
  }

  /** Forget the older half of the log. */
  trim(): void {
    this.#log = this.#log.slice(Math.ceil(this.#log.length / 2));
  }

  backUp(): void {
    const [value, version, log, remembered] = [this.#value, this.#version, [...this.#log], new Map(this.#remembered)];
    this.#backup = () => {
      this.#value = value;
      this.#version = version;
      this.#log = [...log];
      this.#remembered = new Map(remembered);
    };
  }

  /** Back to the backup, with another epoch. */
  restore(): boolean {
    if (!this.#backup) return false;
    this.#backup();
    this.#epoch++;
    this.#note();
    for (const change of this.#log) this.#history.set(`${this.epoch} ${change.version}`, this.#valueAt(change.version));
    return true;
  }

  #note(): void {
    this.#history.set(`${this.epoch} ${this.#version}`, this.#value);
  }

  #valueAt(version: number): Json | undefined {
    return this.#history.get(`e${this.#epoch - 1} ${version}`);
  }

  #commit(id: string, value: Json | undefined, content: EditContent): void {
    this.#value = value;
    this.#version++;
    this.#note();
    this.#remembered.set(id, this.#version);
    const change: Change = { ...content, version: this.#version, mutation: id };
    this.#log.push(change);
    for (const subscriber of this.#subscribers) subscriber({ ...change, epoch: this.epoch });
  }
}
