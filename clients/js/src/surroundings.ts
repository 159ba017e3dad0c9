/** What a page, a worker or Node.js offers, as far as this package uses it. Tests bring their own. */
export interface Surroundings {
  fetch: typeof fetch;
  /** Null in Node.js and in pages that are not secure contexts: then nothing is coordinated between tabs. */
  locks: LockManager | null;
  /** Null where there are no locks: messages between tabs mean nothing without them. */
  openBroadcast: ((name: string) => BroadcastChannel) | null;
  now: () => number;
}

export function surroundings(): Surroundings {
  const locks = (globalThis.navigator as Navigator | undefined)?.locks ?? null;
  const canShare = locks !== null && typeof BroadcastChannel !== "undefined" && typeof document !== "undefined";
  return {
    fetch: (...request) => globalThis.fetch(...request),
    locks: canShare ? locks : null,
    openBroadcast: canShare ? (name) => new BroadcastChannel(name) : null,
    now: Date.now,
  };
}

/** 128 bits of chance, in the alphabet of device and mutation ids. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
