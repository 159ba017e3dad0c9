import type { Overview } from "./types.js";

/** What of an Overview can be drawn. */
export type Metric = {
  [K in keyof Overview]: Overview[K] extends number | null ? K : never;
}[keyof Overview];

/** How several nodes make one number. Percentiles and lags do not add up: there the worst node speaks. */
export type Fold = "sum" | "worst";

export const windowS = 300;
/** A node that has been silent for longer is not in the sums any more. */
const staleAfterS = 4;

interface NodeSeries {
  readonly uid: string;
  name: string;
  /** The browser's clock minus the node's, when the node was first heard: so their seconds fall together. */
  readonly skewMs: number;
  readonly bySecond: Map<number, Overview>;
  lastSecond: number;
}

export type Line = readonly (number | null)[];

/** The last five minutes of every node, by seconds of the browser's clock. */
export class OverviewSeries {
  readonly #nodes = new Map<string, NodeSeries>();
  #newest = 0;

  add(overview: Overview, receivedMs: number): void {
    const node = this.#nodes.get(overview.node) ?? this.#begin(overview, receivedMs);
    const second = Math.round((overview.at_ms + node.skewMs) / 1_000);
    node.name = overview.node_name;
    node.bySecond.set(second, overview);
    node.lastSecond = Math.max(node.lastSecond, second);
    this.#newest = Math.max(this.#newest, second);
    this.#forget();
  }

  clear(): void {
    this.#nodes.clear();
    this.#newest = 0;
  }

  /** Nodes that have spoken within the window, by name. `isStale`: not any more. */
  get nodes(): readonly { uid: string; name: string; isStale: boolean; latest: Overview }[] {
    return [...this.#nodes.values()]
      .map(({ uid, name, lastSecond, bySecond }) => ({
        uid,
        name,
        isStale: lastSecond < this.#newest - staleAfterS,
        latest: bySecond.get(lastSecond)!,
      }))
      .sort((a, b) => a.name.localeCompare(b.name) || a.uid.localeCompare(b.uid));
  }

  /** Seconds since the epoch: always the whole window, so that charts do not change their scale while they fill. */
  get seconds(): number[] {
    return Array.from({ length: windowS }, (_, index) => this.#newest - windowS + 1 + index);
  }

  line(uid: string, metric: Metric): Line {
    const node = this.#nodes.get(uid);
    return this.seconds.map((second) => (node ? valueAt(node, second, metric) : null));
  }

  folded(metric: Metric, fold: Fold): Line {
    return this.seconds.map((second) => this.#foldedAt(second, metric, fold));
  }

  latest(metric: Metric, fold: Fold): number | null {
    return this.#foldedAt(this.#newest, metric, fold);
  }

  #foldedAt(second: number, metric: Metric, fold: Fold): number | null {
    const values: number[] = [];
    for (const node of this.#nodes.values()) {
      const value = valueAt(node, second, metric);
      if (value !== null) values.push(value);
    }
    if (values.length === 0) return null;
    return fold === "sum" ? values.reduce((a, b) => a + b, 0) : Math.max(...values);
  }

  #begin(overview: Overview, receivedMs: number): NodeSeries {
    const node = {
      uid: overview.node,
      name: overview.node_name,
      skewMs: receivedMs - overview.at_ms,
      bySecond: new Map<number, Overview>(),
      lastSecond: 0,
    };
    this.#nodes.set(node.uid, node);
    return node;
  }

  #forget(): void {
    const oldest = this.#newest - windowS - staleAfterS;
    for (const node of this.#nodes.values()) {
      for (const second of node.bySecond.keys()) if (second < oldest) node.bySecond.delete(second);
      if (node.bySecond.size === 0) this.#nodes.delete(node.uid);
    }
  }
}

/** A report that is a little late leaves no hole; nothing is made up beyond `staleAfterS`. */
function valueAt({ bySecond }: NodeSeries, second: number, metric: Metric): number | null {
  for (let age = 0; age <= staleAfterS; age += 1) {
    const found = bySecond.get(second - age);
    if (found) return found[metric];
  }
  return null;
}
