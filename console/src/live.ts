import { batch, computed, effect, signal } from "@preact/signals";
import { OverviewSeries } from "./overview_series.js";
import { client, link, phase } from "./session.js";
import { joined, withParts } from "./trace_joining.js";
import type { LogBatch, LogLine, Overview, TraceBatch, TraceSummary } from "./types.js";

export type Topic = "overview" | "logs" | "traces";

/** Kept of what comes in, at most. The server has more. */
const keptLines = 1_000;
const keptTraces = 500;
const retryMs = 3_000;
/** A page that goes and one that comes ask once for both. */
const restMs = 50;

/** What every node has said of itself. Changed in place: read `overviewVersion` to be told. */
export const overviews = new OverviewSeries();
export const overviewVersion = signal(0);
/** Oldest first. */
export const liveLines = signal<readonly LogLine[]>([]);
/** Lines that the server has left out because there were too many. */
export const droppedLines = signal(0);
/** By what each node has seen of them. */
const traceParts = signal<readonly TraceSummary[]>([]);
/** Newest first; each in its latest state, over all nodes. */
export const liveTraces = computed<readonly TraceSummary[]>(() => joined(traceParts.value));
/** Why nothing comes in, although the connection stands; null when all is well. */
export const watchFailure = signal<unknown>(null);

const wanted = signal<Readonly<Record<Topic, number>>>({ overview: 0, logs: 0, traces: 0 });
/** As text, so that what comes to the same is the same. */
const wantedTopics = computed(() =>
  Object.entries(wanted.value)
    .filter(([, count]) => count > 0)
    .map(([topic]) => topic)
    .join(" "),
);
let retry: ReturnType<typeof setTimeout> | undefined;
let calls = 0;

/** The topic comes in until what is returned is called. */
export function watch(topic: Topic): () => void {
  change(topic, 1);
  return () => change(topic, -1);
}

function change(topic: Topic, by: number): void {
  const before = wanted.peek();
  wanted.value = { ...before, [topic]: before[topic] + by };
}

/** Follows log-ins, reconnects and what pages want, for as long as the page lives. */
export function startLive(): void {
  effect(() => {
    if (phase.value !== "open") return forget();
    const ends = [
      client.listen("ops:overview", { publication: ({ data }) => addOverview(data as unknown as Overview) }),
      client.listen("ops:logs", { publication: ({ data }) => addLines(data as unknown as LogBatch) }),
      client.listen("ops:traces", { publication: ({ data }) => addTraces(data as unknown as TraceBatch) }),
    ];
    return () => ends.forEach((end) => end());
  });
  effect(() => {
    const topics = wantedTopics.value;
    if (phase.value !== "open" || link.value !== "connected") return undefined;
    const timer = setTimeout(() => void ask(topics), restMs);
    return () => clearTimeout(timer);
  });
}

/** Only the last call counts: an answer to an older one says nothing about what is wanted now. */
async function ask(topics: string): Promise<void> {
  const mine = ++calls;
  clearTimeout(retry);
  try {
    await client.rpc("ops.watch", { topics: topics.split(" ").filter(Boolean) });
    if (mine === calls) watchFailure.value = null;
  } catch (failure) {
    if (mine !== calls) return;
    watchFailure.value = failure;
    retry = setTimeout(() => link.peek() === "connected" && void ask(topics), retryMs);
  }
}

function forget(): void {
  clearTimeout(retry);
  overviews.clear();
  batch(() => {
    liveLines.value = [];
    traceParts.value = [];
    droppedLines.value = 0;
    watchFailure.value = null;
  });
}

let isTold = false;

/** All nodes speak within the same second or so: the page is told once for all that come together. */
function addOverview(overview: Overview): void {
  overviews.add(overview, Date.now());
  if (isTold) return;
  isTold = true;
  setTimeout(() => {
    isTold = false;
    overviewVersion.value += 1;
  }, 100);
}

function addLines({ lines, dropped = 0 }: LogBatch): void {
  batch(() => {
    liveLines.value = [...liveLines.peek(), ...lines].slice(-keptLines);
    droppedLines.value += dropped;
  });
}

function addTraces({ traces }: TraceBatch): void {
  traceParts.value = withParts(traceParts.peek(), traces, keptTraces);
}
