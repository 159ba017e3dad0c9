import type { Outcome } from "syncline";

/** Follows what becomes of the edits made on one device: which lines wait, and which versions are its own. */
export class Edits {
  private readonly waiting = new Map<string, number>();
  private readonly ownVersions = new Set<number>();

  /** Calls back when the edit has an outcome. */
  follow(key: string, outcome: Promise<Outcome>, settled: (outcome: Outcome) => void): void {
    this.waiting.set(key, this.waitingFor(key) + 1);
    void outcome.then((result) => {
      this.end(key);
      if (result.accepted) this.ownVersions.add(result.version);
      settled(result);
    });
  }

  waitingFor(key: string): number {
    return this.waiting.get(key) ?? 0;
  }

  get count(): number {
    return [...this.waiting.values()].reduce((sum, each) => sum + each, 0);
  }

  /** How many of the versions after one, up to another, were made here. Edits that went out as one are one. */
  ownBetween(after: number, upTo: number): number {
    return [...this.ownVersions].filter((version) => after < version && version <= upTo).length;
  }

  private end(key: string): void {
    const left = this.waitingFor(key) - 1;
    if (left > 0) this.waiting.set(key, left);
    else this.waiting.delete(key);
  }
}
