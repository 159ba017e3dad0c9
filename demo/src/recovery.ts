import type { Ledger } from "./ledger.js";

/** A place in a channel's log. */
export interface Position {
  readonly epoch: string;
  readonly offset: number;
}

export interface RecoveryReport {
  readonly isComplete: boolean;
  readonly recovered: number;
  readonly lost: number;
  readonly sentence: string;
}

/** Follows one resubscription from the last offset seen before the cut to the last one the server handed back. */
export class Recovery {
  private readonly missingBefore: number;
  private readonly from: number;
  private recovered = 0;

  constructor(private readonly ledger: Ledger) {
    this.from = ledger.last;
    this.missingBefore = ledger.missingCount;
  }

  countOne(): void {
    this.recovered += 1;
  }

  /** The outcome once the last recovered publication is in the ledger. */
  report(): RecoveryReport {
    const lost = this.ledger.missingCount - this.missingBefore;
    const span = `offset ${this.from} → ${this.ledger.last}`;
    const sentence =
      this.recovered + lost === 0
        ? `nothing was missed (still at offset ${this.from})`
        : `recovered ${plural(this.recovered, "missed message")}, ${lost} lost (${span})`;
    return { isComplete: lost === 0, recovered: this.recovered, lost, sentence };
  }
}

/** What to say when the server answered `recovered: false`: it could not hand back all that was missed. */
export function reportUnrecovered(ledger: Ledger, now: Position): RecoveryReport {
  if (now.epoch !== ledger.epoch) {
    const sentence = `not recovered: the hub has a new log since (epoch ${ledger.epoch} → ${now.epoch})`;
    return { isComplete: false, recovered: 0, lost: 0, sentence: `${sentence}; what was missed is unknown` };
  }
  const lost = now.offset - ledger.last;
  const span = `offset ${ledger.last} → ${now.offset}`;
  const sentence = `not recovered: the hub could not hand back all of ${plural(lost, "missed message")} (${span})`;
  return { isComplete: false, recovered: 0, lost, sentence };
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
