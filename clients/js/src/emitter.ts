type Listener<T> = (event: T) => void;

/** Events by name. A listener that throws is reported, and neither stops the others nor the one who emits. */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<Listener<never>>>();

  /** Returns what ends the listening. */
  on<K extends keyof Events>(name: K, listener: Listener<Events[K]>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener as Listener<never>));
    return () => void listeners.delete(listener as Listener<never>);
  }

  protected emit<K extends keyof Events>(name: K, event: Events[K]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) callSafely(listener as Listener<Events[K]>, event);
  }
}

export function callSafely<T>(listener: Listener<T>, event: T): void {
  try {
    listener(event);
  } catch (error) {
    reportError(error);
  }
}

function reportError(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
