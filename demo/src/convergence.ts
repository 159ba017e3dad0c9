import type { Ledger } from "./ledger.js";
import { plural } from "./recovery.js";

export interface Reader {
  readonly name: string;
  readonly ledger: Ledger;
}

export interface Convergence {
  readonly state: "waiting" | "same" | "apart";
  readonly sentence: string;
}

/** Compares how far two readers of one log have come. */
export function compareReaders(left: Reader, right: Reader): Convergence {
  const { ledger: a } = left;
  const { ledger: b } = right;
  if (!a.epoch || !b.epoch) return { state: "waiting", sentence: "Waiting for both clients to subscribe" };
  if (a.epoch !== b.epoch) return { state: "apart", sentence: "The two clients hold different logs" };
  if (a.last !== b.last) return { state: "apart", sentence: describeLag(left, right) };
  if (!a.isSound || !b.isSound) return { state: "apart", sentence: "The two clients have seen different messages" };
  return { state: "same", sentence: `Both clients are at offset ${a.last} of the same log` };
}

function describeLag(left: Reader, right: Reader): string {
  const [behind, ahead] = left.ledger.last < right.ledger.last ? [left, right] : [right, left];
  const distance = ahead.ledger.last - behind.ledger.last;
  return `${behind.name} is ${plural(distance, "message")} behind ${ahead.name}`;
}
