/** A run of offsets, both ends included. */
export interface OffsetRange {
  readonly from: number;
  readonly to: number;
}

export type Verdict = "next" | "gap" | "late" | "duplicate";

/**
 * What one client has seen of a channel's log: the page's own check that nothing is missing, doubled or swapped.
 *
 * Invariant: `seen` + missing = last - start, whatever was recorded.
 */
export class Ledger {
  epoch = "";
  start = 0;
  last = 0;
  private missing: OffsetRange[] = [];
  private doubled: number[] = [];
  private swapped: number[] = [];

  /** Begin at a position the server reported: everything up to `offset` lies before this ledger. */
  beginAt(epoch: string, offset: number): void {
    this.epoch = epoch;
    this.start = offset;
    this.last = offset;
    this.missing = [];
    this.doubled = [];
    this.swapped = [];
  }

  record(offset: number): Verdict {
    if (offset === this.last + 1) {
      this.last = offset;
      return "next";
    }
    if (offset > this.last) {
      this.missing.push({ from: this.last + 1, to: offset - 1 });
      this.last = offset;
      return "gap";
    }
    return this.recordOld(offset);
  }

  private recordOld(offset: number): Verdict {
    const hole = this.missing.find((range) => range.from <= offset && offset <= range.to);
    if (!hole) {
      this.doubled.push(offset);
      return "duplicate";
    }
    const rest = [
      { from: hole.from, to: offset - 1 },
      { from: offset + 1, to: hole.to },
    ].filter((range) => range.from <= range.to);
    this.missing.splice(this.missing.indexOf(hole), 1, ...rest);
    this.swapped.push(offset);
    return "late";
  }

  get gaps(): readonly OffsetRange[] {
    return this.missing;
  }

  get missingCount(): number {
    return this.missing.reduce((sum, { from, to }) => sum + to - from + 1, 0);
  }

  get seen(): number {
    return this.last - this.start - this.missingCount;
  }

  get isSound(): boolean {
    return this.missing.length + this.doubled.length + this.swapped.length === 0;
  }

  /** One sentence for people: "in order, no gaps", or exactly what is wrong. */
  describe(): string {
    if (this.isSound) return "in order, no gaps";
    const faults = [
      ...this.missing.map(({ from, to }) => `missing ${from === to ? `offset ${from}` : `offsets ${from} to ${to}`}`),
      ...this.doubled.map((offset) => `offset ${offset} arrived twice`),
      ...this.swapped.map((offset) => `offset ${offset} arrived late`),
    ];
    return faults.join(", ");
  }
}
