import type { Edits } from "./edits.js";
import { plural } from "./sentences.js";

/** Follows one document from the moment its device was cut off to the moment it is level with the hub again. */
export class CatchUp {
  constructor(
    private readonly edits: Edits,
    private readonly before: number,
  ) {}

  /** What came in meanwhile, and what went out. */
  report(after: number): string {
    const changes = after - this.before;
    if (changes === 0) return `nothing was missed: the cart is still at version ${this.before}`;
    const own = this.edits.ownBetween(this.before, after);
    const parts = [`${plural(changes - own, "change")} came in`, `${own} went out`];
    return `cart version ${this.before} → ${after}: ${parts.join(", ")}, nothing was lost`;
  }
}
