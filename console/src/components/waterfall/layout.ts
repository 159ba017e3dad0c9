import type { SpanView } from "../../types.js";

/** One line of a waterfall. Times are milliseconds after the first span began, by the clock of the row's own node. */
export interface SpanRow {
  readonly kind: "span";
  /** Unlike any other in the trace, also where two nodes send the same span. */
  readonly key: string;
  readonly span: SpanView;
  readonly depth: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly numBelow: number;
  /** The clocks of the two nodes differ by at least so much: it began before the span that caused it. 0 for nothing. */
  readonly skewMs: number;
}

/** A span that others name as their parent, and that no node of ours made. Its times are not known. */
export interface OutsideRow {
  readonly kind: "outside";
  readonly key: string;
  readonly spanId: string;
  readonly label: "publisher" | "browser" | "caller";
  readonly depth: number;
  readonly numBelow: number;
}

export type Row = SpanRow | OutsideRow;

export interface Layout {
  /** Parents before what they caused; brothers by start. */
  readonly rows: readonly Row[];
  readonly durationMs: number;
  readonly startNs: bigint;
}

interface Interval {
  readonly span: SpanView;
  readonly startMs: number;
  readonly endMs: number;
}

interface Timed extends Interval {
  readonly key: string;
}

/** Every span has one row, whatever its parents are: missing, later than itself, or in a circle. */
export function layOut(spans: readonly SpanView[]): Layout {
  const startNs = earliest(spans);
  const timed = withKeys(spans.map((span) => timedOf(span, startNs)).sort(byStart));
  const forest = new Forest(timed);
  const durationMs = timed.reduce((longest, { endMs }) => Math.max(longest, endMs), 0);
  return { rows: forest.rows(), durationMs, startNs };
}

function earliest(spans: readonly SpanView[]): bigint {
  const starts = spans.map((span) => BigInt(span.start_ns));
  return starts.reduce((first, start) => (start < first ? start : first), starts[0] ?? 0n);
}

/** A clock that was set back must not make a span end before it began. */
function timedOf(span: SpanView, startNs: bigint): Interval {
  const startMs = Number(BigInt(span.start_ns) - startNs) / 1e6;
  const endMs = Math.max(startMs, Number(BigInt(span.end_ns) - startNs) / 1e6);
  return { span, startMs, endMs };
}

function byStart(a: Interval, b: Interval): number {
  return a.startMs - b.startMs || b.endMs - a.endMs || compareIds(a.span, b.span);
}

function compareIds(a: SpanView, b: SpanView): number {
  return a.span_id < b.span_id ? -1 : Number(a.span_id > b.span_id);
}

/** A span keeps its key when others come in later. */
function withKeys(intervals: readonly Interval[]): Timed[] {
  const counts = new Map<string, number>();
  return intervals.map((interval) => {
    const { span_id } = interval.span;
    const count = counts.get(span_id) ?? 0;
    counts.set(span_id, count + 1);
    return { ...interval, key: `span:${span_id}:${count}` };
  });
}

class Forest {
  readonly #byId = new Map<string, Timed>();
  readonly #children = new Map<string, Timed[]>();
  /** Spans of browsers, by the publication that they have shown. */
  readonly #shownBy = new Map<string, Set<string>>();
  readonly #seen = new Set<string>();
  readonly #rows: Row[] = [];

  constructor(private readonly timed: readonly Timed[]) {
    for (const item of timed) if (!this.#byId.has(item.span.span_id)) this.#byId.set(item.span.span_id, item);
    for (const item of timed) {
      const { parent_id } = item.span;
      if (parent_id) this.#children.set(parent_id, [...(this.#children.get(parent_id) ?? []), item]);
    }
    for (const { span } of timed) {
      const published = publishedIn(span);
      if (!published || this.#byId.has(span.parent_id) || !this.#byId.has(published)) continue;
      this.#shownBy.set(published, (this.#shownBy.get(published) ?? new Set()).add(span.parent_id));
    }
  }

  rows(): readonly Row[] {
    for (const item of this.timed) {
      const { parent_id } = item.span;
      if (!parent_id) this.#place(item, 0, null);
      else if (!this.#byId.has(parent_id) && !this.#isShown(parent_id)) this.#placeOutside(parent_id, 0);
    }
    // What is left is in a circle, or below one.
    for (const item of this.timed) this.#place(item, 0, null);
    return this.#rows;
  }

  #isShown(spanId: string): boolean {
    return [...this.#shownBy.values()].some((spanIds) => spanIds.has(spanId));
  }

  #placeOutside(spanId: string, depth: number): void {
    const key = `outside:${spanId}`;
    const children = this.#children.get(spanId) ?? [];
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    const at = this.#rows.length;
    for (const child of children) this.#place(child, depth + 1, null);
    const numBelow = this.#rows.length - at;
    if (!numBelow) return; // a circle: what it caused stands above it
    const label = children.some(({ span }) => publishedIn(span)) ? "browser" : labelOf(children[0]!.span);
    this.#rows.splice(at, 0, { kind: "outside", key, spanId, label, depth, numBelow });
  }

  #place(item: Timed, depth: number, parent: Timed | null): void {
    if (this.#seen.has(item.key)) return;
    this.#seen.add(item.key);
    const at = this.#rows.length;
    if (this.#byId.get(item.span.span_id) === item) {
      for (const child of this.#children.get(item.span.span_id) ?? []) this.#place(child, depth + 1, item);
      for (const shown of this.#shownBy.get(item.span.span_id) ?? []) this.#placeOutside(shown, depth + 1);
    }
    const numBelow = this.#rows.length - at;
    this.#rows.splice(at, 0, { kind: "span", ...item, depth, numBelow, skewMs: skewBetween(parent, item) });
  }
}

/** The span that published what an acknowledgement is of; its parent may be the browser's own, which is below that one. */
function publishedIn({ attributes }: SpanView): string | null {
  const published = attributes["syncline.publish_span_id"];
  return typeof published === "string" && published !== "" ? published : null;
}

/** What lasts no time is a moment: of an acknowledgement, how long after its publication. */
export function timeLabel({ span, startMs, endMs }: SpanRow): { ms: number; isAfter: boolean } {
  const afterMs = span.attributes["syncline.publish_to_client_ms"];
  if (startMs === endMs && typeof afterMs === "number") return { ms: afterMs, isAfter: true };
  return { ms: endMs - startMs, isAfter: false };
}

/** Only the clocks of two nodes can disagree; within one node a span is made after the one above it. */
function skewBetween(parent: Timed | null, { span, startMs }: Timed): number {
  if (!parent || parent.span.node === span.node) return 0;
  return Math.max(0, parent.startMs - startMs);
}

/** An acknowledgement is caused by what a browser did, an event by whoever published it, all else by a caller. */
function labelOf({ kind, name }: SpanView): OutsideRow["label"] {
  if (name.startsWith("acknowledge")) return "browser";
  return kind !== "server" || publishing.test(name) ? "publisher" : "caller";
}

const publishing = /^POST .*(publish|broadcast|batch|events|\/api\b)/;

/** The rows that are to be seen, where some are folded up. */
export function unfolded(rows: readonly Row[], folded: ReadonlySet<string>): Row[] {
  const visible: Row[] = [];
  let index = 0;
  while (index < rows.length) {
    const row = rows[index]!;
    visible.push(row);
    index += folded.has(row.key) ? row.numBelow + 1 : 1;
  }
  return visible;
}

export interface Skew {
  readonly early: string;
  readonly late: string;
  readonly atLeastMs: number;
}

/** What can be said about the clocks of pairs of nodes, by name: the largest disagreement that the trace shows. */
export function skewsOf(rows: readonly Row[]): Skew[] {
  const byId = new Map(spanRows(rows).map((row) => [row.span.span_id, row]));
  const worst = new Map<string, Skew>();
  for (const { span, skewMs } of spanRows(rows)) {
    const parent = byId.get(span.parent_id);
    if (!parent || skewMs === 0) continue;
    const key = `${span.node}\n${parent.span.node}`;
    if (skewMs > (worst.get(key)?.atLeastMs ?? 0))
      worst.set(key, { early: nameOf(span), late: nameOf(parent.span), atLeastMs: skewMs });
  }
  return [...worst.values()];
}

export function spanRows(rows: readonly Row[]): SpanRow[] {
  return rows.filter((row): row is SpanRow => row.kind === "span");
}

function nameOf({ node, node_name }: SpanView): string {
  return node_name || node;
}
